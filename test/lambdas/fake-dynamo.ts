import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  DynamoDBDocumentClient,
  type BatchWriteCommandInput,
  type GetCommandInput,
  type PutCommandInput,
  type QueryCommandInput,
  type UpdateCommandInput,
} from '@aws-sdk/lib-dynamodb';
import { awsError, fake } from './fakes';

export type Item = Record<string, unknown> & { pk: string; sk: string };

/** DynamoDB in memory: the few expressions that the handlers use, pages of `pageSize`, every third batch cut short. */
export function fakeDynamo(pageSize = 7) {
  const items = new Map<string, Item>();
  let batches = 0;
  const id = (table: string | undefined, key: Record<string, unknown>) =>
    `${table ?? ''}|${String(key.pk)}|${String(key.sk)}`;

  const client = fake(DynamoDBDocumentClient.from(new DynamoDBClient({ region: 'us-east-1' })), {
    Get: (input: GetCommandInput) => ({ Item: items.get(id(input.TableName, input.Key ?? {})) }),
    Put: (input: PutCommandInput) => {
      const item = input.Item as Item;
      const current = items.get(id(input.TableName, item));
      const published = input.ExpressionAttributeValues?.[':published_at'] as string | undefined;
      if (published !== undefined && current && String(current.published_at) > published) {
        throw awsError('ConditionalCheckFailedException');
      }
      const read = input.ExpressionAttributeValues?.[':read'] as number | undefined;
      if (read !== undefined && current && current.version !== read) throw awsError('ConditionalCheckFailedException');
      items.set(id(input.TableName, item), item);
      return {};
    },
    Update: (input: UpdateCommandInput) => {
      const key = input.Key as Item;
      const current = items.get(id(input.TableName, key)) ?? key;
      const { ':digest': digest, ':published_at': published } = input.ExpressionAttributeValues ?? {};
      if (digest !== undefined && (current.digest !== digest || String(current.published_at) > String(published))) {
        throw awsError('ConditionalCheckFailedException');
      }
      const next = { ...current };
      for (const [, left, right] of (input.UpdateExpression ?? '').matchAll(/(#?\w+) = (\S+(?:\(.*?\))?)/g)) {
        const name = input.ExpressionAttributeNames?.[left] ?? left;
        const value = /:\w+/.exec(right)?.[0] ?? '';
        if (right.startsWith('if_not_exists') && name in current) continue;
        next[name] = (input.ExpressionAttributeValues?.[value] ?? input.ExpressionAttributeValues?.[':now']) as unknown;
      }
      items.set(id(input.TableName, key), next);
      return {};
    },
    Query: (input: QueryCommandInput) => {
      const values = input.ExpressionAttributeValues ?? {};
      const begins = (values[':sk'] as string | undefined) ?? '';
      const from = (input.ExclusiveStartKey?.sk as string | undefined) ?? '';
      const found = [...items]
        .filter(([key, item]) => key.startsWith(`${input.TableName ?? ''}|`) && item.pk === values[':pk'])
        .map(([, item]) => item)
        .filter((item) => item.sk.startsWith(begins) && item.sk > from)
        .sort((a, b) => (a.sk < b.sk ? -1 : 1));
      const page = found.slice(0, Math.min(pageSize, input.Limit ?? pageSize));
      const last = page.at(-1);
      return {
        Items: page,
        LastEvaluatedKey: found.length > page.length && last ? { pk: last.pk, sk: last.sk } : undefined,
      };
    },
    BatchWrite: (input: BatchWriteCommandInput) => {
      const left: Record<string, unknown[]> = {};
      for (const [table, requests = []] of Object.entries(input.RequestItems ?? {})) {
        if (requests.length === 0 || requests.length > 25)
          throw awsError('ValidationException', `${requests.length} items`);
        const cut = ++batches % 3 === 0 ? 1 : requests.length;
        requests.slice(0, cut).forEach(({ PutRequest, DeleteRequest }) => {
          if (PutRequest) items.set(id(table, PutRequest.Item ?? {}), PutRequest.Item as Item);
          if (DeleteRequest) items.delete(id(table, DeleteRequest.Key ?? {}));
        });
        if (cut < requests.length) left[table] = requests.slice(cut);
      }
      return { UnprocessedItems: left };
    },
  });
  return { client, items, all: () => [...items.values()] };
}
