import { RDSClient } from '@aws-sdk/client-rds';
import { makeHandler } from '../../../lambdas/start-export';
import { awsError, fake, platform } from '../fakes';
import { fakeDynamo } from '../fake-dynamo';

beforeEach(() => jest.spyOn(console, 'log').mockImplementation(() => undefined));

const US = '111122223333';
const OWNER = '444455556666';
const KEY = `arn:aws:kms:eu-central-1:${OWNER}:key/1234abcd-12ab-34cd-56ef-1234567890ab`;

interface Stored {
  readonly id: string;
  readonly account: string;
  readonly database: string;
  readonly created: Date;
  readonly key?: string;
  status: string;
}

/** RDS with the snapshots of one kind of database: it lists, copies, exports and deletes them. */
function account(kind: 'instance' | 'cluster', stored: Stored[]) {
  const word = kind === 'cluster' ? 'Cluster' : '';
  const arn = (s: Stored) =>
    `arn:aws:rds:eu-central-1:${s.account}:${kind === 'cluster' ? 'cluster-snapshot' : 'snapshot'}:${s.id}`;
  const tasks: { ExportTaskIdentifier: string; SourceArn: string; Status: string }[] = [];
  const rds = fake(new RDSClient({ region: 'eu-central-1' }), {
    [`DescribeDB${word}Snapshots`]: (input: Record<string, string | undefined>) => {
      const name = input.DBInstanceIdentifier ?? input.DBClusterIdentifier;
      const found = stored.filter(
        (s) =>
          (s.account === US) === (input.SnapshotType !== 'shared') &&
          (input.SnapshotType !== 'manual' || !s.id.startsWith('rds:')) &&
          (name === undefined || s.database === name),
      );
      return {
        [`DB${word}Snapshots`]: found.map((s) => ({
          [`DB${word}SnapshotArn`]: arn(s),
          [kind === 'cluster' ? 'DBClusterIdentifier' : 'DBInstanceIdentifier']: s.database,
          SnapshotCreateTime: s.created,
          Status: s.status,
          KmsKeyId: s.key,
        })),
      };
    },
    [`CopyDB${word}Snapshot`]: (input: Record<string, string | undefined>) => {
      const from = stored.find((s) => arn(s) === input[`SourceDB${word}SnapshotIdentifier`]);
      if (!from) throw awsError('DBSnapshotNotFound');
      const id = input[`TargetDB${word}SnapshotIdentifier`] ?? '';
      const created = new Date('2026-11-21T00:00:00Z');
      stored.push({ id, account: US, database: from.database, created, key: input.KmsKeyId, status: 'creating' });
      return {};
    },
    [`DeleteDB${word}Snapshot`]: (input: Record<string, string | undefined>) => {
      const at = stored.findIndex((s) => s.id === input[`DB${word}SnapshotIdentifier`]);
      if (stored[at].status === 'busy') throw awsError('InvalidDBSnapshotStateFault');
      stored.splice(at, 1);
      return {};
    },
    DescribeExportTasks: ({ SourceArn }: { SourceArn: string }) => ({
      ExportTasks: tasks.filter((task) => task.SourceArn === SourceArn),
    }),
    StartExportTask: (input: { ExportTaskIdentifier: string; SourceArn: string }) => {
      const { ExportTaskIdentifier, SourceArn } = input;
      tasks.push({ ExportTaskIdentifier, SourceArn, Status: 'STARTING' });
      return { Status: 'STARTING' };
    },
  });
  const names = () => rds.sent.map(({ name }) => name);
  return { rds, stored, tasks, names };
}

const run = (rds: RDSClient, database: object, more: object = {}) =>
  makeHandler({
    env: {
      LANDING_BUCKET: 'landing',
      EXPORT_PREFIX: 'exports/',
      EXPORT_ROLE_ARN: 'role',
      EXPORT_KEY_ARN: 'our-key',
      RUNS_TABLE: 'runs',
      DATABASES: JSON.stringify({ operations: database }),
      SNAPSHOT_TYPE: 'automated',
      ...more,
    },
    platform,
    rds,
    runs: fakeDynamo().client,
    now: () => new Date(0),
  })({ source: 'operations' });

const daily = (day: string, account = US, key?: string): Stored => ({
  id: `${account === US ? 'rds:' : ''}shop-2026-11-${day}-04-05`,
  account,
  database: 'shop',
  created: new Date(`2026-11-${day}T04:05:00Z`),
  key,
  status: 'available',
});

it('exports the newest automated snapshot of a cluster', async () => {
  const { rds, tasks } = account('cluster', [daily('19'), daily('20')]);
  await expect(run(rds, { cluster: 'shop' })).resolves.toMatchObject({
    snapshotId: 'rds:shop-2026-11-20-04-05',
    committedAt: '2026-11-20T04:05:00.000Z',
    status: 'running',
  });
  expect(tasks[0].SourceArn).toBe(`arn:aws:rds:eu-central-1:${US}:cluster-snapshot:rds:shop-2026-11-20-04-05`);
  expect(rds.sent[0]).toEqual({
    name: 'DescribeDBClusterSnapshots',
    input: expect.objectContaining({ DBClusterIdentifier: 'shop', SnapshotType: 'automated' }) as object,
  });
});

describe.each(['instance', 'cluster'] as const)('a snapshot of an %s that another account shares', (kind) => {
  const database = { [kind]: 'shop', snapshotsFrom: OWNER, snapshotKeyArn: KEY };

  it('is copied with our key, waited for, and exported with the time of its data', async () => {
    const { rds, stored, tasks, names } = account(kind, [daily('19', OWNER, KEY), daily('20', OWNER, KEY)]);
    const first = await run(rds, database);
    expect(first).toMatchObject({ status: 'queued', committedAt: '2026-11-20T04:05:00.000Z' });
    expect(first.waitsFor).toMatch(/^our copy of snapshot arn:.*shop-2026-11-20-04-05$/);
    await expect(run(rds, database)).resolves.toEqual(first);
    expect(names().filter((name) => name.startsWith('Copy'))).toHaveLength(1);
    const copy = stored[2];
    expect(copy.id).toMatch(new RegExp(`^moraine-dev-${kind === 'cluster' ? 'cluster' : 'db'}-shop-[0-9a-f]{16}$`));
    expect(copy.key).toBe('our-key');

    copy.status = 'available';
    const started = await run(rds, database);
    expect(started).toEqual({
      ...first,
      status: 'running',
      waitsFor: undefined,
    });
    expect(tasks).toEqual([
      expect.objectContaining({ SourceArn: expect.stringContaining(`:${US}:`) as string, Status: 'STARTING' }),
    ]);
  });

  it('leaves no older copy behind, and nothing else is deleted', async () => {
    const { rds, stored } = account(kind, [daily('19', OWNER, KEY)]);
    await run(rds, database);
    stored[1].status = 'available';
    await run(rds, database);
    const handmade = { ...daily('01'), id: 'by-hand' };
    stored.push(daily('20', OWNER, KEY), handmade, {
      ...handmade,
      id: `${stored[1].id.slice(0, -16)}${'0'.repeat(16)}`,
    });
    stored[4].status = 'busy';
    await run(rds, database);
    const copy = stored.at(-1);
    if (copy) copy.status = 'available';
    await run(rds, database);
    const left = stored.filter((s) => s.account === US).map(({ id }) => id);
    expect(left).toEqual(['by-hand', expect.stringMatching(/-0{16}$/), copy?.id]);
  });

  it('is not looked for in other accounts', async () => {
    const { rds } = account(kind, [daily('20', '777788889999', KEY), daily('19')]);
    await expect(run(rds, database)).rejects.toThrow(
      `Account ${OWNER} shares no snapshot of ${kind === 'cluster' ? 'cluster' : 'db'}:shop that is available: let it share`,
    );
  });

  it('is not copied when its key is not the one in config/', async () => {
    const { rds, names } = account(kind, [daily('20', OWNER, KEY)]);
    await expect(run(rds, { [kind]: 'shop', snapshotsFrom: OWNER })).rejects.toThrow(
      `is encrypted with ${KEY}, and snapshotKeyArn in config/ is not set: set it to that key`,
    );
    expect(names()).not.toContain(`CopyDB${kind === 'cluster' ? 'Cluster' : ''}Snapshot`);
  });

  it('says when the copy went wrong', async () => {
    const { rds, stored } = account(kind, [daily('20', OWNER, KEY)]);
    await run(rds, database);
    stored[1].status = 'failed';
    await expect(run(rds, database)).rejects.toThrow(/^Copy moraine-dev-.* is failed: delete it, and the next run/);
  });
});

it('leaves a copy unencrypted where RDS would refuse to encrypt it', async () => {
  const { rds, stored } = account('cluster', [daily('20', OWNER)]);
  await run(rds, { cluster: 'shop', snapshotsFrom: OWNER });
  expect(stored[1].key).toBeUndefined();
});
