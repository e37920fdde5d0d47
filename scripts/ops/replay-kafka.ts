import { setTimeout as pause } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetJobCommand, GlueClient, StartJobRunCommand } from '@aws-sdk/client-glue';
import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { hasGathered } from '../../lambdas/replay-records/gather';
import { kafkaReplayJobName } from '../../lambdas/shared/replay';
import { SetupError } from '../../local/toolchain';
import { clientOf, place, reason } from './target';
import type { Wanted } from './wanted';

/** Where the job runs, and where it tells what it did. */
export interface Clients {
  readonly glue: GlueClient;
  readonly items: DynamoDBDocumentClient;
}

/** What `glue-jobs/replay_kafka.py` writes of a dataset. */
const record = z.object({
  dataset: z.string(),
  run_id: z.string(),
  replayed: z.int(),
  still_rejected: z.int(),
  reasons: z.array(z.object({ reason: z.string(), messages: z.int() })),
});
type Told = z.infer<typeof record>;

/** What the job is deployed with. */
const deployed = z.object({
  '--topics': z.preprocess((text) => JSON.parse(String(text)) as unknown, z.array(z.object({ dataset: z.string() }))),
  '--runs-table': z.string(),
});

/**
 * Lets the Glue job of a Kafka source bring its dead letters back, and says in one line what came, and what still fails.
 * @returns 1 when messages still fail
 * @throws SetupError in one line
 */
export async function replayKafka(
  wanted: Wanted,
  say: (line: string) => void,
  clients: Clients = clientsOf(wanted),
): Promise<number> {
  const { request, environment, endpoint } = wanted;
  const name = kafkaReplayJobName(environment, request.source);
  try {
    const told = await run(clients, name, request.since, endpoint ? 200 : 3000);
    say(outcome(request, told));
    return told.some(({ still_rejected }) => still_rejected > 0) ? 1 : 0;
  } catch (error) {
    throw new SetupError(`Not everything was replayed: ${why(error as Error, name, wanted)}`);
  }
}

const clientsOf = (wanted: Wanted): Clients => ({
  glue: new GlueClient(clientOf(wanted)),
  items: DynamoDBDocumentClient.from(new DynamoDBClient(clientOf(wanted))),
});

/** Runs the job. @param every milliseconds between two looks @returns what it tells of each dataset */
async function run({ glue, items }: Clients, name: string, since: string | undefined, every: number): Promise<Told[]> {
  const { Job } = await glue.send(new GetJobCommand({ JobName: name }));
  const { '--topics': topics, '--runs-table': TableName } = deployed.parse(Job?.DefaultArguments);
  const id = `replay-${Date.now()}`;
  const asked = { '--run-id': id, ...(since !== undefined && { '--since': since }) };
  const { JobRunId = '' } = await glue.send(new StartJobRunCommand({ JobName: name, Arguments: asked }));
  while (!(await hasGathered({ glue, name }, JobRunId))) await pause(every);
  return Promise.all(
    topics.map(async ({ dataset }) => {
      const Key = { pk: `dataset#${dataset}`, sk: 'replay_kafka' };
      const { Item } = await items.send(new GetCommand({ TableName, Key, ConsistentRead: true }));
      const { data } = record.safeParse(Item);
      if (data?.run_id === id) return data;
      throw new Error(`table ${TableName} has no record of run ${id} for ${dataset}: its log has one`);
    }),
  );
}

function outcome({ source, since }: Wanted['request'], told: readonly Told[]): string {
  const sum = (count: (one: Told) => number) => told.reduce((all, one) => all + count(one), 0);
  const [replayed, failed] = [sum((one) => one.replayed), sum((one) => one.still_rejected)];
  const from = since ? ` from ${since}` : '';
  if (replayed + failed === 0)
    return `Nothing to replay of ${source}: quarantine${from} has no message that bronze lacks, and no column came before its contract had it`;
  const came = `${amount(replayed)} of ${source} replayed${replayed > 0 ? '; silver has them after the next merge' : ''}`;
  if (failed === 0) return came;
  const reasons = told.flatMap(({ dataset, reasons }) => reasons.map((each) => ({ dataset, ...each })));
  const [first] = reasons.sort((a, b) => b.messages - a.messages);
  return `${came}; ${amount(failed)} still fail, ${first.messages.toLocaleString('en')} because ${first.dataset}: ${first.reason}`;
}

const amount = (messages: number): string => `${messages.toLocaleString('en')} message${messages === 1 ? '' : 's'}`;

function why(error: Error, name: string, wanted: Wanted): string {
  if (error.name === 'EntityNotFoundException')
    return `there is no Glue job ${name} ${place(wanted)}; deploy ${wanted.environment}`;
  if (error.name === 'ConcurrentRunsExceededException')
    return `${name} runs already; wait until it has ended, and run the command again`;
  return `${reason(error, wanted)}. What was is in bronze: run the command again`;
}
