import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import { credentials, REGION } from './parts';

/** What a merge did. */
interface Counts {
  readonly bronze_rows: number;
  readonly changed: number;
  readonly inserted: number;
  readonly deleted: number;
}

/** What jobs have recorded of their last runs (`glue-jobs/common/runs.py`). */
interface Records {
  readonly merge?: Counts & { readonly run_id: string };
  /** A load merges what there is before it compares. */
  readonly load?: { readonly run_id: string; readonly merged?: Counts };
}

/** What the pipeline's last run merged of a dataset, in all. */
function sum({ merge, load }: Records): Counts | undefined {
  const before = load?.run_id === merge?.run_id ? load?.merged : undefined;
  if (!merge || !before) return merge;
  const of = (name: keyof Counts) => merge[name] + before[name];
  return { bronze_rows: of('bronze_rows'), changed: of('changed'), inserted: of('inserted'), deleted: of('deleted') };
}

const number = (value: number): string => value.toLocaleString('en');

/** What was merged of each dataset, a line each, from the run records. */
export async function mergeCounts(endpoint: string, table: string, datasets: readonly string[]): Promise<string[]> {
  const client = DynamoDBDocumentClient.from(new DynamoDBClient({ endpoint, region: REGION, credentials }));
  const lines: string[] = [];
  for (const dataset of datasets) {
    const record = async (sk: string) =>
      (await client.send(new GetCommand({ TableName: table, Key: { pk: `dataset#${dataset}`, sk } }))).Item;
    const done = sum({ merge: await record('merge'), load: await record('load_snapshot') } as Records);
    if (!done) continue;
    lines.push(
      `merged ${dataset}: ${number(done.changed)} keys changed by ${number(done.bronze_rows)} rows of bronze ` +
        `(${number(done.inserted)} new, ${number(done.deleted)} deleted)`,
    );
  }
  return lines;
}
