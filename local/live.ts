import { GetCommand, DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GlueClient, StartJobRunCommand } from '@aws-sdk/client-glue';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
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
/** Seconds from the end of a publication to the next, the merges' time. On AWS a schedule publishes, each minute at most. */
const PUBLISH_EVERY = 8;
const SECOND = 1000;

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, Math.max(0, ms)));

/** Starts the resident merge, which on AWS a schedule keeps running (`lib/repeated-job.ts`). */
async function startMerge({ endpoint, outputs }: LiveProps): Promise<void> {
  const glue = new GlueClient({ endpoint, region: REGION, credentials });
  await glue.send(new StartJobRunCommand({ JobName: outputs.MergeStreamJob }));
}

/** When the newest change was committed that is seen, of each dataset. */
type Newest = Map<string, Date>;

/** The datasets that follow their sources. */
const streamed = ({ captured, topics }: Pick<LiveProps, 'captured' | 'topics'>): string[] =>
  [...captured, ...topics].flatMap(datasetsOf);

/** What silver has, by the merges' records. */
function newestInSilver({ endpoint, outputs, ...props }: LiveProps): () => Promise<Newest> {
  const client = DynamoDBDocumentClient.from(new DynamoDBClient({ endpoint, region: REGION, credentials }));
  const datasets = streamed(props);
  return async () => {
    const items = await Promise.all(
      datasets.map((dataset) =>
        client.send(new GetCommand({ TableName: outputs.RunsTable, Key: { pk: `dataset#${dataset}`, sk: 'merge' } })),
      ),
    );
    const times = items.map(({ Item }) => Item?.newest_committed_at as string | undefined);
    return new Map(datasets.flatMap((dataset, at) => (times[at] ? [[dataset, new Date(times[at])] as const] : [])));
  };
}

/** Publishes live aggregates again and again. @param newest keeps what silver had when the last publication began */
async function publish(props: LiveProps, newest: Newest, stopped: () => boolean): Promise<void> {
  const lambda = new LambdaClient({ endpoint: props.endpoint, region: REGION, credentials });
  const inSilver = newestInSilver(props);
  for (let at = 1; !stopped(); at += 1) {
    const seen = await inSilver();
    const Payload = JSON.stringify({ runId: `live-${Date.now()}-${at}`, again: true });
    const { FunctionError, Payload: answer } = await lambda.send(
      new InvokeCommand({ FunctionName: props.outputs.PublishFunction, Payload }),
    );
    const why = Buffer.from(answer ?? []).toString();
    if (FunctionError) props.say(`not published, and tried again: ${why.slice(0, 300)}`);
    else for (const [dataset, time] of seen) newest.set(dataset, time);
    await pause(PUBLISH_EVERY * SECOND);
  }
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

/** Says every few seconds how old the newest rows of silver and of gold are, until it is told to stop. */
async function tellAges(props: LiveProps, inGold: Newest, stopped: () => boolean): Promise<void> {
  const inSilver = newestInSilver(props);
  const age = (time: Date | undefined): string =>
    time ? `${((Date.now() - time.getTime()) / SECOND).toFixed(1)} s` : 'none yet';
  for (let second = 1; !stopped(); second += 1) {
    await pause(SECOND);
    if (second % TELL_EVERY > 0) continue;
    const silver = await inSilver();
    const ages = streamed(props).map(
      (name) => `${name} ${age(silver.get(name))} in silver, ${age(inGold.get(name))} in gold`,
    );
    props.say(`age of the newest row: ${ages.join('; ')}`);
  }
}

/**
 * Keeps the company changing, and silver and the answers following it.
 * @returns `stop`, which ends the changes and tells how many rows changed; the resident merge goes on.
 */
export async function goLive(props: LiveProps): Promise<{ stop(): Promise<number> }> {
  await startMerge(props);
  const state = { stopped: false };
  const stopped = () => state.stopped;
  const played = props.captured.filter(({ name }) => props.changes > 0 && company.plays.includes(name));
  const inGold: Newest = new Map();
  const following = Promise.all([tellAges(props, inGold, stopped), publish(props, inGold, stopped)]);
  const changing = Promise.all(played.map((source) => change(props, source, stopped)));
  const all = Promise.all([changing, following]).then(([changed]) => changed);
  // Ctrl-C ends the parts that they speak with.
  all.catch((error: unknown) => !stopped() && props.say(`the changes have ended: ${String(error)}`));
  return {
    stop: async () => {
      state.stopped = true;
      return (await all).reduce((sum, n) => sum + n, 0);
    },
  };
}
