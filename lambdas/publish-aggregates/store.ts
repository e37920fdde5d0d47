import {
  BatchWriteCommand,
  type BatchWriteCommandInput,
  PutCommand,
  QueryCommand,
  UpdateCommand,
  type DynamoDBDocumentClient,
} from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { parse } from '../shared/parse';
import { backOff, type Sleep } from '../shared/retry';
import { dataKey, manifestKey, manifestSort, POINTER, rankKey, versionKey } from '../shared/serving';
import type { Group } from './rows';

/** The serving table. */
export interface Serving {
  readonly client: DynamoDBDocumentClient;
  readonly table: string;
  readonly sleep: Sleep;
}

interface Key {
  readonly pk: string;
  readonly sk: string;
}
type Item = Key & Readonly<Record<string, string | number>>;

const key = z.object({ pk: z.string(), sk: z.string() });
type WriteRequest = NonNullable<BatchWriteCommandInput['RequestItems']>[string][number];
const ATTEMPTS = 10;
const LOT = 25;
const LANES = 8;
/** For so long whoever has read the pointer may read the version that it named: an answer takes two requests. */
const READ_MS = 60_000;

/**
 * Writes all rows of a version; nobody sees them before the pointer names it. Its key and its whole manifest come
 * first: by them a later run finds, and deletes, the rows of one that was killed.
 */
export async function writeVersion(
  serving: Serving,
  path: string,
  version: string,
  groups: ReadonlyMap<string, Group>,
): Promise<void> {
  await serving.client.send(new PutCommand({ TableName: serving.table, Item: { pk: path, sk: versionKey(version) } }));
  await writeAll(
    serving,
    [...groups].map(([filter, { total }]) => ({
      pk: manifestKey(path, version),
      sk: manifestSort(filter),
      rows: total,
    })),
  );
  await writeAll(
    serving,
    [...groups].flatMap(([filter, { rows }]) =>
      rows.map((row, rank) => ({ pk: dataKey(path, version, filter), sk: rankKey(rank), row })),
    ),
  );
}

/** What an endpoint's pointer says of the version that is answered. */
interface Pointer {
  readonly version: string;
  /** ISO 8601 UTC. */
  readonly publishedAt: string;
  readonly rows: number;
  /** See `digestOf`. */
  readonly digest: string;
}

/** Makes a version the one that is answered. What was published later stays: then false is returned. */
export const flipPointer = (
  { client, table }: Serving,
  path: string,
  { version, publishedAt, rows, digest }: Pointer,
): Promise<boolean> =>
  unlessRefused(() =>
    client.send(
      new PutCommand({
        TableName: table,
        Item: { pk: path, sk: POINTER, version, published_at: publishedAt, rows, digest },
        ConditionExpression: 'attribute_not_exists(published_at) OR published_at <= :published_at',
        ExpressionAttributeValues: { ':published_at': publishedAt },
      }),
    ),
  );

/** Says that what is answered was the same at `publishedAt`; false when it has another digest, or was published later. */
export const confirmPointer = (
  { client, table }: Serving,
  path: string,
  { publishedAt, digest }: Pick<Pointer, 'publishedAt' | 'digest'>,
): Promise<boolean> =>
  unlessRefused(() =>
    client.send(
      new UpdateCommand({
        TableName: table,
        Key: { pk: path, sk: POINTER },
        UpdateExpression: 'SET published_at = :published_at',
        ConditionExpression: 'digest = :digest AND published_at <= :published_at',
        ExpressionAttributeValues: { ':published_at': publishedAt, ':digest': digest },
      }),
    ),
  );

/** False when the write's condition was not met. */
async function unlessRefused(write: () => Promise<unknown>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    if (error instanceof Error && error.name === 'ConditionalCheckFailedException') return false;
    throw error;
  }
}

/** Notes that a version is the one that is answered, by the clock of now: `deleteOld` asks for that. */
export const noteShown = ({ client, table }: Serving, path: string, version: string, now: Date): Promise<unknown> =>
  client.send(
    new PutCommand({ TableName: table, Item: { pk: path, sk: versionKey(version), shown_at: now.toISOString() } }),
  );

/**
 * Deletes the versions that nobody reads any more, those that a broken run left behind included: all that are older than
 * one that has been shown for a minute.
 */
export async function deleteOld(serving: Serving, path: string, now: Date): Promise<number> {
  const begun = (await query(serving, path, versionKey(''))).map((item) => ({
    version: item.sk.slice(versionKey('').length),
    shownAt: 'shown_at' in item ? String(item.shown_at) : undefined,
  }));
  const until = new Date(now.getTime() - READ_MS).toISOString();
  const shown = begun.filter(({ shownAt }) => shownAt !== undefined && shownAt <= until).at(-1);
  const old = begun.filter(({ version }) => shown && version < shown.version);
  for (const { version } of old) await deleteVersion(serving, path, version);
  return old.length;
}

async function deleteVersion(serving: Serving, path: string, version: string): Promise<void> {
  const manifest = await query(serving, manifestKey(path, version));
  for (const { sk } of manifest) {
    await writeAll(serving, await query(serving, dataKey(path, version, sk === manifestSort('') ? '' : sk)), 'delete');
  }
  await writeAll(serving, manifest, 'delete');
  await writeAll(serving, [{ pk: path, sk: versionKey(version) }], 'delete');
}

async function query(serving: Serving, pk: string, begins?: string): Promise<Item[]> {
  const items: Item[] = [];
  let ExclusiveStartKey: Record<string, unknown> | undefined;
  do {
    const page = await serving.client.send(
      new QueryCommand({
        TableName: serving.table,
        KeyConditionExpression: begins === undefined ? 'pk = :pk' : 'pk = :pk AND begins_with(sk, :sk)',
        ExpressionAttributeValues: { ':pk': pk, ...(begins !== undefined && { ':sk': begins }) },
        ConsistentRead: true,
        ExclusiveStartKey,
      }),
    );
    for (const item of page.Items ?? []) items.push({ ...item, ...parse('Serving item', key, item) });
    ExclusiveStartKey = page.LastEvaluatedKey;
  } while (ExclusiveStartKey);
  return items;
}

/** In lots of 25, DynamoDB's most, eight lots side by side. */
async function writeAll(serving: Serving, items: readonly Item[], kind: 'put' | 'delete' = 'put'): Promise<void> {
  const lots = Array.from({ length: Math.ceil(items.length / LOT) }, (_, i) => items.slice(i * LOT, (i + 1) * LOT));
  for (let at = 0; at < lots.length; at += LANES) {
    await Promise.all(lots.slice(at, at + LANES).map((lot) => writeLot(serving, lot, kind)));
  }
}

/** What DynamoDB leaves unprocessed is sent again. */
async function writeLot(serving: Serving, items: readonly Item[], kind: 'put' | 'delete'): Promise<void> {
  const { table } = serving;
  let left: WriteRequest[] = items.map((Item) =>
    kind === 'put' ? { PutRequest: { Item } } : { DeleteRequest: { Key: { pk: Item.pk, sk: Item.sk } } },
  );
  for (let attempt = 1; left.length > 0; attempt++) {
    if (attempt > ATTEMPTS) throw new Error(`DynamoDB left ${left.length} items of ${table} unwritten; publish again`);
    if (attempt > 1) await serving.sleep(backOff(attempt - 1));
    const answer = await serving.client.send(new BatchWriteCommand({ RequestItems: { [table]: left } }));
    left = answer.UnprocessedItems?.[table] ?? [];
  }
}
