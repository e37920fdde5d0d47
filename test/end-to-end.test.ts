import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { FirehoseClient, ListDeliveryStreamsCommand, PutRecordCommand } from '@aws-sdk/client-firehose';
import { Client } from 'pg';
import { datasetsOf } from '../lambdas/shared/source';
import { company } from '../local/company';
import { checkPorts, portsFrom } from '../local/options';
import { credentials, REGION, tell } from '../local/parts';
import { runPipeline } from '../local/pipeline';
import { ROOT } from '../local/toolchain';
import { sources } from '../sources';
import { counts, freePort, killAll, scratchFolder, startRun, type Run } from './local-run';
import { refusal, without } from './roles';

/**
 * What `npm run local -- --exit` does, on a small company: first with a kill -9 after each of its steps and a Ctrl-C in
 * the middle, then to the end, then once more, to stay. Every run that ends has compared every row of source, silver and gold.
 *
 * A local run enforces the policies of every role. With all of them it is green; then permissions are taken from
 * deployed roles, and each time the line that a user sees names the role, the action and the resource.
 */

const ORDERS = 2000;

/** Lines that a run prints when a step is done, in order; a run is killed after each. */
const STEPS = [
  /PostgreSQL as source/,
  /AWS on/,
  /deployed/,
  /automated snapshot/,
  /events sent/,
  /extracted: \d+ records/,
  /export \S+ complete/,
  /load_landing/,
  /load_snapshot/,
  /-merge /,
  /gold built/,
  /aggregates published/,
  /source = silver = gold/,
];

let state: string;
let port: number;
let run: Run | undefined;

// What is refused is refused again, with no long wait.
const start = (...more: string[]): Run =>
  startRun(['--orders', `${ORDERS}`, '--port', `${port}`, '--state', state, ...more], ROOT, { SFN_WAIT_SCALE: '0.02' });
const endpoint = () => `http://127.0.0.1:${port + 1}`;

beforeAll(() => {
  state = scratchFolder();
  port = freePort();
});

afterAll(async () => {
  await killAll();
  rmSync(state, { recursive: true, force: true });
});

test('killed between two steps, or stopped by Ctrl-C, the next run goes on and every row is where it belongs', async () => {
  for (const step of STEPS) {
    const run = start('--exit');
    await run.until(step);
    await run.kill();
  }
  const stopped = start('--exit');
  await stopped.until(/extracted: \d+ records/);
  expect(await stopped.interrupt()).toMatchObject({ code: 130 });
  const { code, lines } = await start('--exit').ended;
  expect({ code, lines: code === 0 ? [] : lines }).toEqual({ code: 0, lines: [] });
  const found = counts(lines);
  expect([...found.keys()].sort()).toEqual(sources.flatMap(datasetsOf).sort());
  for (const [source, silver, gold] of found.values()) {
    expect(source).toBeGreaterThan(0);
    expect([silver, gold]).toEqual([source, source]);
  }
}, 1_800_000);

test('a second day loads only what changed, and the API gives the numbers that SQL on the source gives', async () => {
  run = start('--changes', '0');
  const lines = await run.until(/Ctrl-C stops all/);
  const told = lines.join('\n').replaceAll(/(\d),(\d)/g, '$1$2');
  const day = /day \d+: (\d+) orders new, (\d+) moved on or grew, (\d+) deleted/.exec(told);
  const merged = /merged orders: (\d+) keys changed .*\((\d+) new, (\d+) deleted/.exec(told);
  if (!day || !merged) throw new Error(`No counts of the day or of the merge in:\n${told}`);
  const [come, moved, gone] = day.slice(1).map(Number);
  const [changed, inserted, deleted] = merged.slice(1).map(Number);
  expect(gone).toBeGreaterThan(0);
  // An order that moved on and was deleted the same day is one change.
  expect({ inserted, deleted }).toEqual({ inserted: come, deleted: gone });
  expect(changed).toBeGreaterThanOrEqual(come + gone);
  expect(changed).toBeLessThanOrEqual(come + moved + gone);

  const source = new Client({ connectionString: `postgresql://postgres:local@127.0.0.1:${port + 2}/operations` });
  await source.connect();
  expect(company.questions.length).toBeGreaterThan(4);
  for (const { path, sql } of company.questions) {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`);
    const { data } = (await answer.json()) as { data: unknown[] };
    const { rows } = await source.query<{ row: unknown }>(`select to_json(t) as row from (${sql}) t`);
    expect({ path, data }).toEqual({ path, data: rows.map(({ row }) => row) });
    expect(data.length).toBeGreaterThan(0);
  }
  await source.end();
  const health = (await (await fetch(`http://127.0.0.1:${port}/health`)).json()) as { status: string };
  expect(health.status).toBe('ok');
  // Unsigned, as a stranger would ask it on AWS.
  const direct = await fetch(lines.join('\n').match(/http:\/\/127\.0\.0\.1:\d+\/_aws\/\S+/)?.[0] ?? '');
  expect(direct.status).toBe(403);
}, 600_000);

/** The pipeline's lines, and how it ended. */
async function pipeline(): Promise<string[]> {
  const outputs = JSON.parse(readFileSync(join(state, 'outputs.json'), 'utf8')) as Record<string, object>;
  const { PipelineArn } = Object.assign({}, ...Object.values(outputs)) as { PipelineArn: string };
  const lines: string[] = [];
  await runPipeline(endpoint(), PipelineArn, (line) => lines.push(line)).catch((error: unknown) =>
    lines.push((error as Error).message),
  );
  return lines;
}

/** Runs the pipeline while each role lacks its action. Restores them. */
async function refused(removed: readonly (readonly [role: string, action: string])[]): Promise<void> {
  const restore = [];
  for (const [role, action] of removed) restore.push(await without(endpoint(), role, action));
  const lines = await pipeline();
  for (const back of restore) await back();
  const silent = removed.filter(([role, action]) => refusal(lines, role, action) === undefined);
  expect({ silent, lines: silent.length > 0 ? lines : [] }).toEqual({ silent: [], lines: [] });
  expect(lines.at(-1)).toMatch(/^The pipeline ended as FAILED: SourcesFailed /);
}

test('handlers and Spark jobs do what their policies allow, and nothing else', async () => {
  await refused([
    ['SnapshotExportStartRole', 'rds:DescribeDBSnapshots'],
    ['RestExtractExtractRole', 'secretsmanager:GetSecretValue'],
    ['SparkJobsMergeRole', 'glue:GetTable'],
  ]);
}, 100_000);

test('the pipeline itself calls what its role allows only, and a job records only what its role allows', async () => {
  await refused([
    ['PipelineStateMachine', 'lambda:InvokeFunction'],
    ['SparkJobsMergeRole', 'dynamodb:PutItem'],
  ]);
}, 100_000);

test('Firehose delivers in the name of its role, and says why it does not', async () => {
  const restore = await without(endpoint(), 'EventStreamRole', 's3:PutObject');
  const firehose = new FirehoseClient({ endpoint: endpoint(), region: REGION, credentials });
  const { DeliveryStreamNames } = await firehose.send(new ListDeliveryStreamsCommand({}));
  // No event of any source: it is delivered all the same, to quarantine or to the errors.
  const Record = { Data: Buffer.from('{}') };
  const DeliveryStreamName = DeliveryStreamNames?.find((name) => name.includes('EventStream'));
  await firehose.send(new PutRecordCommand({ DeliveryStreamName, Record }));
  const flushed = tell(endpoint(), 'flush');
  await expect(flushed).rejects.toThrow(/EventStreamRole\S* is not authorized to perform: s3:PutObject/);
  await restore();
  await tell(endpoint(), 'flush');
}, 60_000);

test('with all permissions back, the run is green', async () => {
  expect((await pipeline()).at(-1)).toBe('aggregates published');
}, 100_000);

test('Ctrl-C ends all of it', async () => {
  expect(await run?.interrupt()).toMatchObject({ code: 130 });
  await expect(checkPorts(portsFrom(port))).resolves.toBeUndefined();
}, 60_000);
