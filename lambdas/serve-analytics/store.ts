import { GetCommand, QueryCommand, type DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { parse } from '../shared/parse';
import { dataKey, manifestKey, manifestSort, POINTER } from '../shared/serving';

/** The serving table. */
export interface Serving {
  readonly client: DynamoDBDocumentClient;
  readonly table: string;
}

/** What an endpoint answers. */
export interface Answer {
  /** ISO 8601 UTC. */
  readonly publishedAt: string;
  /** Rows as JSON texts, never parsed here: a number keeps every digit. */
  readonly rows: readonly string[];
  /** How many rows there are, of which `rows` are the first. */
  readonly total: number;
}

const pointer = z.object({ version: z.string(), published_at: z.string() });

/** The first `limit` rows of a filter, in order; undefined when the endpoint was never published. */
export async function readRows(
  { client, table }: Serving,
  path: string,
  filter: string,
  limit: number,
): Promise<Answer | undefined> {
  const current = await client.send(new GetCommand({ TableName: table, Key: { pk: path, sk: POINTER } }));
  if (!current.Item) return undefined;
  const { version, published_at: publishedAt } = parse(`Pointer of ${path}`, pointer, current.Item);

  const Key = { pk: manifestKey(path, version), sk: manifestSort(filter) };
  const manifest = await client.send(new GetCommand({ TableName: table, Key }));
  if (!manifest.Item) return { publishedAt, rows: [], total: 0 };
  const { rows: total } = parse(`Manifest of ${path}`, z.object({ rows: z.number() }), manifest.Item);

  const rows: string[] = [];
  let ExclusiveStartKey: Record<string, unknown> | undefined;
  do {
    const page = await client.send(
      new QueryCommand({
        TableName: table,
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': dataKey(path, version, filter) },
        Limit: limit - rows.length,
        ExclusiveStartKey,
      }),
    );
    for (const item of page.Items ?? []) rows.push(parse(`Row of ${path}`, z.object({ row: z.string() }), item).row);
    ExclusiveStartKey = page.LastEvaluatedKey;
  } while (ExclusiveStartKey && rows.length < limit);
  return { publishedAt, rows, total };
}
