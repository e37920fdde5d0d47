import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import { credentials, REGION } from './parts';

/** What a merge has recorded of its last run (`glue-jobs/common/runs.py`). */
interface MergeRecord {
  readonly bronze_rows: number;
  readonly changed: number;
  readonly inserted: number;
  readonly deleted: number;
}

const number = (value: number): string => value.toLocaleString('en');

/** What the last merge of each dataset did, a line each, from the run records. */
export async function mergeCounts(endpoint: string, table: string, datasets: readonly string[]): Promise<string[]> {
  const client = DynamoDBDocumentClient.from(new DynamoDBClient({ endpoint, region: REGION, credentials }));
  const lines: string[] = [];
  for (const dataset of datasets) {
    const { Item } = await client.send(
      new GetCommand({ TableName: table, Key: { pk: `dataset#${dataset}`, sk: 'merge' } }),
    );
    const done = Item as MergeRecord | undefined;
    if (!done) continue;
    lines.push(
      `merged ${dataset}: ${number(done.changed)} keys changed by ${number(done.bronze_rows)} rows of bronze ` +
        `(${number(done.inserted)} new, ${number(done.deleted)} deleted)`,
    );
  }
  return lines;
}
