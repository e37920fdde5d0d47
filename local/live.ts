import { GetCommand, DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GlueClient, StartJobRunCommand } from '@aws-sdk/client-glue';
import type { KafkaSource } from '../lambdas/shared/kafka-source';
import { datasetsOf, type CapturedSource } from '../lambdas/shared/source';
import { company } from './company';
import type { Outputs } from './deploy';
import { credentials, REGION } from './parts';
import type { Postgres } from './postgres';

/** What keeping the platform live needs. */
export interface LiveProps {
  readonly source: Postgres;
  readonly endpoint: string;
  readonly outputs: Outputs;
  /** The sources whose changes are captured. */
  readonly captured: readonly CapturedSource[];
  /** The sources whose messages come from Kafka. */
  readonly topics: readonly KafkaSource[];
  /** Rows that the sample company changes each second; 0: none. */
  readonly changes: number;
  readonly say: (line: string) => void;
}

/** Seconds between two lines that say how old the newest rows are. */
const TELL_EVERY = 10;
const SECOND = 1000;

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, Math.max(0, ms)));

/** Starts the resident merge, which on AWS a schedule keeps running (`lib/micro-batches.ts`). */
async function startMerge({ endpoint, outputs }: LiveProps): Promise<void> {
  const glue = new GlueClient({ endpoint, region: REGION, credentials });
  await glue.send(new StartJobRunCommand({ JobName: outputs.MergeStreamJob }));
}

/** When the newest change was committed that silver has, of each dataset, by the merges' records. */
function newestInSilver({ endpoint, outputs }: LiveProps): (dataset: string) => Promise<Date | undefined> {
  const client = DynamoDBDocumentClient.from(new DynamoDBClient({ endpoint, region: REGION, credentials }));
  return async (dataset) => {
    const Key = { pk: `dataset#${dataset}`, sk: 'merge' };
    const { Item } = await client.send(new GetCommand({ TableName: outputs.RunsTable, Key }));
    const text = Item?.newest_committed_at as string | undefined;
    return text ? new Date(text) : undefined;
  };
}

/** Lets the company change its rows once a second, until it is told to stop. */
async function change(props: LiveProps, source: CapturedSource, stopped: () => boolean): Promise<number> {
  const client = await props.source.connect(source.database);
  let changed = 0;
  while (!stopped()) {
    const begun = performance.now();
    changed += await company.stir(source, client, props.changes);
    await pause(SECOND - (performance.now() - begun));
  }
  await client.end();
  return changed;
}

/** Says every few seconds how old the newest row of silver is, until it is told to stop. */
async function tellAges(props: LiveProps, stopped: () => boolean): Promise<void> {
  const newest = newestInSilver(props);
  const datasets = [...props.captured, ...props.topics].flatMap(datasetsOf);
  for (let second = 1; !stopped(); second += 1) {
    await pause(SECOND);
    if (second % TELL_EVERY > 0) continue;
    const times = await Promise.all(datasets.map(newest));
    const ages = datasets.map((name, at) => {
      const time = times[at];
      return time ? `${name} ${((Date.now() - time.getTime()) / SECOND).toFixed(1)} s` : `${name} none yet`;
    });
    props.say(`age of silver's newest row: ${ages.join(', ')}`);
  }
}

/**
 * Keeps the company changing and silver following it.
 * @returns `stop`, which ends the changes and tells how many rows changed; the resident merge goes on.
 */
export async function goLive(props: LiveProps): Promise<{ stop(): Promise<number> }> {
  await startMerge(props);
  const state = { stopped: false };
  const stopped = () => state.stopped;
  const played = props.captured.filter(({ name }) => props.changes > 0 && company.plays.includes(name));
  const running = [...played.map((source) => change(props, source, stopped)), tellAges(props, stopped).then(() => 0)];
  const all = Promise.all(running);
  all.catch((error: unknown) => props.say(`the changes have ended: ${String(error)}`));
  return {
    stop: async () => {
      state.stopped = true;
      return (await all).reduce((sum, n) => sum + n, 0);
    },
  };
}
