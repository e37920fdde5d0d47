import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GlueClient } from '@aws-sdk/client-glue';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { KafkaSource } from '../../../lambdas/shared/kafka-source';
import { replayKafka } from '../../../scripts/ops/replay-kafka';
import { parseReplay } from '../../../scripts/ops/wanted';
import { awsError, fake, type Answers } from '../../lambdas/fakes';

const topic = (dataset: string) => ({ topic: `shop.${dataset}`, dataset, format: 'json' as const });
const shop: KafkaSource = { kind: 'kafka', name: 'shop', topics: [topic('clicks'), topic('carts')] };
const wanted = (...more: string[]) => parseReplay(['--source', 'shop', ...more], [shop]);
const JobName = 'moraine-local-replay_kafka-shop';

type Counts = readonly [replayed: number, still_rejected: number, reasons?: object[]];

/** Runs the command; the job has these counts for the two datasets, or for one alone. */
function run(counts: readonly Counts[], args: string[] = [], answers: Answers = {}) {
  const said: string[] = [];
  let run_id: unknown;
  const glue = fake(new GlueClient(), {
    GetJob: () => ({
      Job: { DefaultArguments: { '--topics': JSON.stringify(shop.topics), '--runs-table': 'runs' } },
    }),
    StartJobRun: ({ Arguments }: { Arguments: Record<string, string> }) => {
      run_id = Arguments['--run-id'];
      return { JobRunId: 'jr_1' };
    },
    GetJobRun: () => ({ JobRun: { JobRunState: 'SUCCEEDED' } }),
    ...answers,
  });
  const items = fake(DynamoDBDocumentClient.from(new DynamoDBClient()), {
    Get: ({ Key: { pk, sk } }: { Key: { pk: string; sk: string } }) => {
      const dataset = pk.replace('dataset#', '');
      const told = counts[shop.topics.findIndex((one) => one.dataset === dataset)] as Counts | undefined;
      if (sk !== 'replay_kafka' || !told) return {};
      return { Item: { dataset, run_id, replayed: told[0], still_rejected: told[1], reasons: told[2] ?? [] } };
    },
  });
  return { glue, said, ended: replayKafka(wanted(...args), (line) => void said.push(line), { glue, items }) };
}

it('starts the job of the source, and says what came back', async () => {
  const { glue, said, ended } = run(
    [
      [1200, 0],
      [34, 0],
    ],
    ['--since', '2026-11-19'],
  );
  await expect(ended).resolves.toBe(0);
  expect(glue.sent.map(({ name }) => name)).toEqual(['GetJob', 'StartJobRun', 'GetJobRun']);
  const { '--run-id': id, ...rest } = glue.sent[1].input.Arguments as Record<string, string>;
  expect([glue.sent[1].input.JobName, id]).toEqual([JobName, expect.stringMatching(/^replay-\d+$/)]);
  expect(rest).toEqual({ '--since': '2026-11-19T00:00:00.000Z' });
  expect(said).toEqual(['1,234 messages of shop replayed; silver has them after the next merge']);
});

it('says what still fails, by the commonest reason', async () => {
  const { said, ended } = run([
    [0, 1, [{ reason: 'id: is missing but required', messages: 1 }]],
    [1, 5, [{ reason: 'the value is no JSON', messages: 3 }]],
  ]);
  await expect(ended).resolves.toBe(1);
  expect(said).toEqual([
    '1 message of shop replayed; silver has them after the next merge; 6 messages still fail, ' +
      '3 because carts: the value is no JSON',
  ]);
});

it('says that there is nothing', async () => {
  const none: Counts[] = [
    [0, 0],
    [0, 0],
  ];
  const { said, ended } = run(none, ['--since', '2026-11-19']);
  await expect(ended).resolves.toBe(0);
  expect(said).toEqual([
    'Nothing to replay of shop: quarantine from 2026-11-19T00:00:00.000Z has no message that bronze lacks, and no column came before its contract had it',
  ]);
});

const throws = (name: string) => () => {
  throw awsError(name);
};

it.each<[string, Answers, string | RegExp]>([
  [
    'no job',
    { GetJob: throws('EntityNotFoundException') },
    /^Not everything was replayed: there is no Glue job moraine-local-replay_kafka-shop in account \d+, region .*; deploy local$/,
  ],
  ['another run', { StartJobRun: throws('ConcurrentRunsExceededException') }, `${JobName} runs already; wait until`],
  [
    'a run that failed',
    { GetJobRun: () => ({ JobRun: { JobRunState: 'FAILED', ErrorMessage: 'no column' } }) },
    /ended as FAILED: no column. What was is in bronze: run the command again$/,
  ],
  ['a run that told nothing', {}, /table runs has no record of run replay-\d+ for carts/],
])('says in one line that there is %s', async (_, answers, message) => {
  await expect(run([[1, 0]], [], answers).ended).rejects.toThrow(message);
});

it.each([['--until', '2026-11-19'], ['--dry-run']])('refuses %s', (...option) => {
  expect(() => wanted(...option)).toThrow(
    `${option[0]} is not for shop, which comes by Kafka: --since is allowed, and quarantine.rejected says what there is`,
  );
});

it('leaves what does not come by Kafka to the streams', () => {
  expect([wanted(), parseReplay(['--source', 'depot', '--dry-run'], [shop])].map(({ isKafka }) => isKafka)).toEqual([
    true,
    false,
  ]);
});
