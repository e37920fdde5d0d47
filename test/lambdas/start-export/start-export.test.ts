import { RDSClient, type DBSnapshot, type ExportTask, type StartExportTaskCommandInput } from '@aws-sdk/client-rds';
import fc from 'fast-check';
import { makeHandler } from '../../../lambdas/start-export';
import { exportId } from '../../../lambdas/start-export/snapshot';
import { awsError, fake, platform } from '../fakes';
import { fakeDynamo } from '../fake-dynamo';

beforeEach(() => jest.spyOn(console, 'log').mockImplementation(() => undefined));

const env = {
  LANDING_BUCKET: 'landing',
  EXPORT_PREFIX: 'exports/',
  EXPORT_ROLE_ARN: 'role',
  EXPORT_KEY_ARN: 'key',
  RUNS_TABLE: 'runs',
  DATABASES: '{"operations":{"instance":"shop-db"}}',
  SNAPSHOT_TYPE: 'automated',
};
const snapshot = (day: string, more: Partial<DBSnapshot> = {}): DBSnapshot => ({
  DBSnapshotArn: `arn:aws:rds:eu-central-1:111122223333:snapshot:rds:shop-db-${day}-04-05`,
  DBInstanceIdentifier: 'shop-db',
  SnapshotCreateTime: new Date(`${day}T04:05:06.789Z`),
  Status: 'available',
  ...more,
});

function setUp(snapshots: DBSnapshot[], tasks: ExportTask[] = []) {
  const rds = fake(new RDSClient({ region: 'us-east-1' }), {
    DescribeDBSnapshots: () => ({ DBSnapshots: snapshots }),
    DescribeExportTasks: () => ({ ExportTasks: tasks }),
    StartExportTask: (input: StartExportTaskCommandInput) => {
      if (tasks.some((t) => t.ExportTaskIdentifier === input.ExportTaskIdentifier))
        throw awsError('ExportTaskAlreadyExistsFault');
      const task = { ExportTaskIdentifier: input.ExportTaskIdentifier, Status: 'STARTING' };
      tasks.push(task);
      return task;
    },
  });
  const dynamo = fakeDynamo();
  const now = () => new Date('2026-11-20T06:00:00Z');
  const run = (event: unknown = { source: 'operations' }, variables = env) =>
    makeHandler({ env: variables, platform, rds, runs: dynamo.client, now })(event);
  return { rds, dynamo, tasks, run };
}
const started = (rds: { sent: { name: string }[] }) => rds.sent.filter((s) => s.name === 'StartExportTask').length;

it('exports the newest snapshot that is available, and the declared tables only', async () => {
  const { rds, dynamo, run } = setUp([
    snapshot('2026-11-18'),
    snapshot('2026-11-20'),
    snapshot('2026-11-21', { Status: 'creating' }),
    snapshot('2026-11-19'),
  ]);
  const answer = await run();
  expect(answer).toEqual({
    source: 'operations',
    exportId: expect.stringMatching(/^x-rds-shop-db-2026-11-20-04-05-[0-9a-f]{8}$/) as string,
    snapshotId: 'rds:shop-db-2026-11-20-04-05',
    position: '0000.00000000001795147506789000.00000000000000000000',
    committedAt: '2026-11-20T04:05:06.789Z',
    status: 'running',
  });
  expect(rds.sent.at(-1)?.input).toEqual({
    ExportTaskIdentifier: answer.exportId,
    SourceArn: 'arn:aws:rds:eu-central-1:111122223333:snapshot:rds:shop-db-2026-11-20-04-05',
    S3BucketName: 'landing',
    S3Prefix: 'exports',
    IamRoleArn: 'role',
    KmsKeyId: 'key',
    ExportOnly: ['shop.public.orders'],
  });
  expect(dynamo.all()).toEqual([
    expect.objectContaining({
      pk: 'export#operations',
      sk: answer.snapshotId,
      export_id: answer.exportId,
      status: 'running',
      started_at: '2026-11-20T06:00:00.000Z',
    }),
  ]);
});

it('exports the snapshot and the tables that are named', async () => {
  const byHand = snapshot('2026-11-19', {
    DBSnapshotArn: 'arn:aws:rds:eu-central-1:111122223333:snapshot:moraine-dev-reload-1',
  });
  const { rds, run } = setUp([byHand, snapshot('2026-11-20')]);
  const wanted = { source: 'operations', datasets: [{ dataset: 'orders' }], snapshot: 'moraine-dev-reload-1' };
  // What a branch of the pipeline has besides is none of its business.
  const answer = await run({ ...wanted, wayIn: 'snapshot' });
  expect(answer).toMatchObject({ ...wanted, snapshotId: 'moraine-dev-reload-1' });
  expect(rds.sent.find(({ name }) => name === 'DescribeDBSnapshots')?.input).toEqual({
    DBInstanceIdentifier: 'shop-db',
  });
  expect(rds.sent.at(-1)?.input).toMatchObject({ SourceArn: byHand.DBSnapshotArn, ExportOnly: ['shop.public.orders'] });
  await expect(run(answer)).resolves.toEqual(answer); // as it is asked again while it is queued
});

it('starts one export however often it is asked', async () => {
  const { rds, run } = setUp([snapshot('2026-11-20')]);
  const first = await run();
  await expect(run()).resolves.toEqual(first);
  expect(started(rds)).toBe(1);
});

it('answers with the export that another call has started in the meantime', async () => {
  const { rds, run } = setUp([snapshot('2026-11-20')]);
  const { exportId: id } = await run();
  fake(rds, {
    DescribeDBSnapshots: () => ({ DBSnapshots: [snapshot('2026-11-20')] }),
    DescribeExportTasks: () => ({ ExportTasks: [] }),
    StartExportTask: () => {
      throw awsError('ExportTaskAlreadyExistsFault');
    },
  });
  await expect(run()).resolves.toMatchObject({ exportId: id, status: 'running' });
});

it.each([
  ['COMPLETE', 'complete', ''],
  ['IN_PROGRESS', 'running', ''],
  ['FAILED', 'running', '-2'],
  ['CANCELED', 'running', '-2'],
])('meets an export that is %s: %s%s', async (status, expected, suffix) => {
  const tasks: ExportTask[] = [];
  const { rds, run } = setUp([snapshot('2026-11-20')], tasks);
  const { exportId: id } = await run();
  tasks[0].Status = status;
  await expect(run()).resolves.toMatchObject({ exportId: id + suffix, status: expected });
  expect(started(rds)).toBe(suffix ? 2 : 1);
});

it('exports the same snapshot again when the source has another table', () => {
  const one = { id: 's', arn: 'a', created: new Date(0) };
  expect(exportId(one, ['d.s.a'])).not.toBe(exportId(one, ['d.s.a', 'd.s.b']));
  expect(exportId(one, ['d.s.b', 'd.s.a'])).toBe(exportId(one, ['d.s.a', 'd.s.b']));
});

it('takes a copied snapshot by the time of its original', async () => {
  const { run } = setUp([
    snapshot('2026-11-20', { OriginalSnapshotCreateTime: new Date('2026-11-01T00:00:00Z') }),
    snapshot('2026-11-19'),
  ]);
  await expect(run()).resolves.toMatchObject({ snapshotId: 'rds:shop-db-2026-11-19-04-05' });
});

it('names exports within RDS’s rules, whatever the snapshot is called', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 255 }), fc.integer({ min: 1, max: 99 }), (id, attempt) => {
      const name = `${exportId({ id, arn: id, created: new Date(0) }, [])}-${attempt}`;
      expect(name).toMatch(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/);
      expect(name.length).toBeLessThanOrEqual(60);
    }),
  );
});

it.each<[string, () => Promise<unknown>, string]>([
  ['no snapshot', () => setUp([]).run(), 'db:shop-db has no automated snapshot that is available; wait for the first'],
  ['an unknown source', () => setUp([]).run({ source: 'x' }), 'No database source "x": there are operations'],
  [
    'no database',
    () => setUp([]).run(undefined, { ...env, DATABASES: '{}' }),
    'Source operations has no database here; name it in config/',
  ],
  [
    'an unknown snapshot',
    () => setUp([snapshot('2026-11-20')]).run({ source: 'operations', snapshot: 's' }),
    'Snapshot "s" is none of this database: available are rds:shop-db-2026-11-20-04-05',
  ],
  [
    'a snapshot that is not ready',
    () =>
      setUp([snapshot('2026-11-20', { Status: 'creating' })]).run({
        source: 'operations',
        snapshot: 'rds:shop-db-2026-11-20-04-05',
      }),
    'Snapshot "rds:shop-db-2026-11-20-04-05" is creating: available are none',
  ],
  [
    'an unknown dataset',
    () => setUp([]).run({ source: 'operations', datasets: [{ dataset: 'x' }] }),
    'Source operations has no dataset "x": it has orders',
  ],
  ['no source', () => setUp([]).run({}), 'start-export: source'],
])('says in one line: %s', async (_, run, message) => {
  await expect(run()).rejects.toThrow(message);
});
