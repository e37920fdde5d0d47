import {
  GetCommand,
  PutCommand,
  QueryCommand,
  UpdateCommand,
  type DynamoDBDocumentClient,
} from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { parse } from './parse';

/** The runs table: what the jobs and handlers did last, one item for each thing done. */
export interface RunRecords {
  readonly client: DynamoDBDocumentClient;
  readonly table: string;
}

/** What a Spark job wrote about a dataset when it ended. Jobs may write more; the platform reads these. */
const jobRecord = z.object({
  sk: z.string(),
  finished_at: z.string().nullish(),
  newest_committed_at: z.string().nullish(),
  /** Of a load: rows that it appended to bronze. */
  bronze_rows: z.number().nullish(),
});
export type JobRecord = z.infer<typeof jobRecord>;

const publishRecord = z.object({ run_id: z.string(), published_at: z.string() });
export type PublishRecord = z.infer<typeof publishRecord>;

/** The state of one export of a source's snapshot. */
export interface ExportRecord {
  readonly source: string;
  readonly snapshotId: string;
  readonly exportId: string;
  readonly status: 'queued' | 'running' | 'complete' | 'failed';
  readonly position: string;
  readonly committedAt: string;
}

/** The last records of a dataset's jobs (`merge`, and the load of its way in); empty when none has run. */
export async function jobRecords({ client, table }: RunRecords, dataset: string): Promise<JobRecord[]> {
  const { Items = [] } = await client.send(
    new QueryCommand({
      TableName: table,
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': `dataset#${dataset}` },
    }),
  );
  return Items.map((item) => parse(`Run record of ${dataset}`, jobRecord, item));
}

/** When gold was last published; undefined when it never was. */
export async function lastPublish({ client, table }: RunRecords): Promise<PublishRecord | undefined> {
  const { Item } = await client.send(new GetCommand({ TableName: table, Key: { pk: 'gold', sk: 'publish' } }));
  return Item && parse('Run record of publishing', publishRecord, Item);
}

export async function recordPublish({ client, table }: RunRecords, record: PublishRecord): Promise<void> {
  await client.send(new PutCommand({ TableName: table, Item: { pk: 'gold', sk: 'publish', ...record } }));
}

/** Writes an export's state; the time of its first record is kept as `started_at`. */
export async function recordExport({ client, table }: RunRecords, record: ExportRecord, now: Date): Promise<void> {
  await client.send(
    new UpdateCommand({
      TableName: table,
      Key: { pk: `export#${record.source}`, sk: record.snapshotId },
      UpdateExpression:
        'SET export_id = :export, #status = :status, #position = :position, committed_at = :committed, ' +
        'updated_at = :now, started_at = if_not_exists(started_at, :now)',
      ExpressionAttributeNames: { '#status': 'status', '#position': 'position' },
      ExpressionAttributeValues: {
        ':export': record.exportId,
        ':status': record.status,
        ':position': record.position,
        ':committed': record.committedAt,
        ':now': now.toISOString(),
      },
    }),
  );
}
