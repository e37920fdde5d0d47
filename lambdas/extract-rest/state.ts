import { GetCommand, PutCommand, type DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { parse } from '../shared/parse';

/** By what a page is known again. */
const seen = z.object({
  /** Its number. */
  page: z.int(),
  /** Where it is, for the pager. */
  at: z.string(),
  /** SHA-256 of its records, if it has any. */
  records: z.string().optional(),
});
export type Seen = z.infer<typeof seen>;

/** A run of a resource, from its first request until its rows are in bronze. */
const run = z.object({
  /** Its folder in landing: when it began, `20260131T120000123Z`. */
  id: z.string(),
  /** ISO 8601 UTC. */
  started_at: z.string(),
  /** When its last page landed. ISO 8601 UTC. */
  moved_at: z.string(),
  /** The pipeline's execution that began it. */
  execution: z.string(),
  /** `extracted`: every page has landed; `loaded`: and is in bronze. */
  status: z.enum(['extracting', 'extracted', 'loaded']),
  /** Pages landed so far. */
  pages: z.int(),
  records: z.int(),
  /** Where the next page is, for the pager. */
  at: z.string(),
  /** The last page, and one before it, so that a page that comes again is known. */
  last: seen.optional(),
  mark: seen.optional(),
  /** Since when the API lets this execution of the pipeline wait. ISO 8601 UTC. */
  waiting: z.object({ execution: z.string(), since: z.string() }).optional(),
  /** Greatest value of the increment's field so far. */
  newest: z.string().optional(),
});
export type Run = z.infer<typeof run>;

const state = z.object({
  /** Raised by each write, so that two extractions of one resource can't both go on. */
  version: z.int(),
  /** Where the next run starts: everything before it is in bronze. */
  cursor: z.string().optional(),
  run: run.optional(),
});
export type State = z.infer<typeof state>;

/** The state of one resource, an item of the runs table. */
export interface StateStore {
  readonly client: DynamoDBDocumentClient;
  readonly table: string;
  readonly source: string;
  readonly dataset: string;
}

const keyOf = ({ source, dataset }: StateStore) => ({ pk: `extract#${source}`, sk: dataset });

export async function readState(store: StateStore): Promise<State> {
  const command = new GetCommand({ TableName: store.table, Key: keyOf(store), ConsistentRead: true });
  const { Item } = await store.client.send(command);
  return Item ? parse(`State of ${store.source}, ${store.dataset}`, state, Item) : { version: 0 };
}

/**
 * Replaces the state that was read.
 * @returns the state as it is now
 * @throws Error when somebody else has written since.
 */
export async function writeState(store: StateStore, read: State, next: Omit<State, 'version'>): Promise<State> {
  const written = { ...next, version: read.version + 1 };
  try {
    await store.client.send(
      new PutCommand({
        TableName: store.table,
        Item: { ...keyOf(store), ...written },
        ConditionExpression: 'attribute_not_exists(version) OR version = :read',
        ExpressionAttributeValues: { ':read': read.version },
      }),
    );
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'ConditionalCheckFailedException') throw error;
    throw new Error(
      `Another run extracts ${store.dataset} from ${store.source} at this moment; let it end, then start again`,
      {
        cause: error,
      },
    );
  }
  return written;
}
