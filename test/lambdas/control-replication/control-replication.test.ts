import { makeHandler } from '../../../lambdas/control-replication';
import { fakeDynamo } from '../fake-dynamo';
import { FakeDms } from './fake-dms';

beforeEach(() => jest.spyOn(console, 'log').mockImplementation(() => undefined));

type Step = 'before' | 'after' | 'run';
interface Event {
  readonly RequestType: 'Create' | 'Update' | 'Delete';
  readonly step: Step;
  readonly settings?: string;
  readonly old?: string;
  readonly epoch?: number;
  readonly oldEpoch?: number;
  readonly id?: string;
  readonly drain?: number;
  readonly engine?: string;
}

/** CloudFormation and the provider: ask until done, a minute apart. */
function setUp(dms: FakeDms) {
  const dynamo = fakeDynamo();
  let now = Date.parse('2026-11-21T10:00:00Z');
  const handler = makeHandler({
    env: { RUNS_TABLE: 'runs' },
    dms: dms.client,
    documents: dynamo.client,
    now: () => new Date(now),
  });
  const send = async ({ RequestType, step, settings = 'a', old, id, drain = 0, engine = 'postgres', ...of }: Event) => {
    const { epoch = 1, oldEpoch = epoch } = of;
    const identifier = (at: number) => `moraine-dev-shop-${at}`;
    const event = {
      RequestType,
      PhysicalResourceId: id,
      ResourceProperties: {
        ServiceToken: 'x',
        Step: step,
        Identifier: identifier(epoch),
        Engine: engine,
        SettingsHash: settings,
        DrainSeconds: `${drain}`,
      },
      OldResourceProperties: old === undefined ? undefined : { Identifier: identifier(oldEpoch), SettingsHash: old },
    };
    const first = (await handler(event)) as { PhysicalResourceId: string; Data: object };
    const from = now;
    for (let asked = 0; asked < 50; asked += 1) {
      const { IsComplete } = (await handler({ ...event, ...first })) as { IsComplete: boolean };
      if (IsComplete) return { id: first.PhysicalResourceId, minutes: (now - from) / 60_000 };
      now += 60_000;
    }
    throw new Error('never done');
  };
  return { send, dms };
}

test('a new replication is started once its reader is there, and waited for', async () => {
  const { send, dms } = setUp(new FakeDms('created'));
  await send({ RequestType: 'Create', step: 'before' });
  await send({ RequestType: 'Create', step: 'after' });
  expect(dms.orders).toEqual([]);
  await send({ RequestType: 'Create', step: 'run' });
  expect([dms.orders, dms.status]).toEqual([['start-replication'], 'running']);
});

test('a change stops it before the configuration and lets it go on after, from where it was', async () => {
  const { send, dms } = setUp(new FakeDms('running'));
  const { id } = await send({ RequestType: 'Update', step: 'before', settings: 'b', old: 'a', id: 'x-before-a' });
  expect(dms.status).toBe('stopped');
  await send({ RequestType: 'Update', step: 'after', settings: 'b', old: 'a' });
  await send({ RequestType: 'Delete', step: 'before', settings: 'a', id: 'x-before-a' });
  await send({ RequestType: 'Update', step: 'run', settings: 'b', old: 'a' });
  expect([dms.orders, dms.status]).toEqual([['stop', 'resume-processing'], 'running']);
  expect(id).toBe('moraine-dev-shop-1-before-b');
});

test('a change that CloudFormation takes back lets it go on when all else is done', async () => {
  const { send, dms } = setUp(new FakeDms('running'));
  const { id: left } = await send({ RequestType: 'Update', step: 'before', settings: 'b', old: 'a', id: 'old' });
  // The configuration's change fails; nothing after it is ever called.
  const { id: back } = await send({ RequestType: 'Update', step: 'before', settings: 'a', old: 'b', id: left });
  expect([dms.orders, dms.status]).toEqual([['stop'], 'stopped']);
  expect(back).not.toBe(left);
  await send({ RequestType: 'Delete', step: 'before', settings: 'b', id: left });
  expect(dms.orders).toEqual(['stop', 'resume-processing']);
});

test('one that stood still stays so through a change: whoever stopped it had a reason', async () => {
  const { send, dms } = setUp(new FakeDms('stopped'));
  await send({ RequestType: 'Update', step: 'before', settings: 'b', old: 'a', id: 'old' });
  await send({ RequestType: 'Update', step: 'after', settings: 'b', old: 'a' });
  await send({ RequestType: 'Delete', step: 'before', settings: 'a', id: 'old' });
  expect([dms.orders, dms.status]).toEqual([[], 'stopped']);
});

test('one that takes no orders yet goes on as soon as it does', async () => {
  const { send, dms } = setUp(new FakeDms('running'));
  await send({ RequestType: 'Update', step: 'before', settings: 'b', old: 'a', id: 'old' });
  dms.go('modifying', 'modifying', 'modifying', 'stopped');
  await send({ RequestType: 'Delete', step: 'before', settings: 'b', id: 'left' });
  expect([dms.orders, dms.status]).toEqual([['stop', 'resume-processing'], 'running']);
});

test('a pause is remembered until it has gone on', async () => {
  const { send, dms } = setUp(new FakeDms('running'));
  await send({ RequestType: 'Update', step: 'before', settings: 'b', old: 'a', id: 'old' });
  dms.go('modifying');
  await send({ RequestType: 'Update', step: 'after', settings: 'b', old: 'a' });
  dms.go('stopped');
  await send({ RequestType: 'Delete', step: 'before', settings: 'a', id: 'old' });
  expect([dms.orders, dms.status]).toEqual([['stop', 'resume-processing'], 'running']);
  // From here on it is whoever stops it by hand who decides.
  dms.go('stopped');
  await send({ RequestType: 'Update', step: 'after', settings: 'c', old: 'b' });
  expect(dms.orders).toHaveLength(2);
});

test.each(['running', 'failed', 'stopped', undefined])('it is stopped before it is deleted: %s', async (status) => {
  const { send, dms } = setUp(new FakeDms(status));
  await send({ RequestType: 'Delete', step: 'after', id: 'x' });
  expect(dms.orders).toEqual(status === 'running' ? ['stop'] : []);
  expect(['stopped', 'failed', undefined]).toContain(dms.status);
});

test('its reader goes when it has had the time to read what is left', async () => {
  const { send } = setUp(new FakeDms('running'));
  const { minutes } = await send({ RequestType: 'Delete', step: 'run', id: 'x', drain: 240 });
  expect(minutes).toBeGreaterThanOrEqual(4);
  const idle = await setUp(new FakeDms('failed')).send({ RequestType: 'Delete', step: 'run', id: 'x' });
  expect(idle.minutes).toBe(0);
});

test('said twice it does the same once', async () => {
  const { send, dms } = setUp(new FakeDms('created'));
  await send({ RequestType: 'Create', step: 'run' });
  await send({ RequestType: 'Update', step: 'run', old: 'a' });
  expect(dms.orders).toEqual(['start-replication']);
});

test('one that has run and does not tell so goes on: it is not loaded again', async () => {
  const dms = new FakeDms('stopped');
  dms.tells = false;
  await setUp(dms).send({ RequestType: 'Create', step: 'run' });
  expect([dms.orders, dms.status]).toEqual([['start-replication', 'resume-processing'], 'running']);
});

test.each([
  ['postgres', 'rds.logical_replication'],
  ['mysql', 'binlog_format'],
  ['sqlserver', 'MS-CDC'],
])('one that fails fails the deployment in a line: %s', async (engine, advice) => {
  const dms = new FakeDms('created');
  dms.fails = true;
  dms.failures = ['Last Error  Cannot connect\nto the database'];
  const failing = setUp(dms).send({ RequestType: 'Create', step: 'run', engine });
  await expect(failing).rejects.toThrow(
    'Replication moraine-dev-shop-1 is failed: Last Error Cannot connect to the database. Check that',
  );
  await expect(failing).rejects.toThrow(advice);
  await expect(failing).rejects.not.toThrow('\n');
});

test('the rollback of an update that failed does not fail', async () => {
  const dms = new FakeDms('stopped');
  dms.fails = true;
  const { send } = setUp(dms);
  await expect(send({ RequestType: 'Update', step: 'run', settings: 'b', old: 'a' })).rejects.toThrow('is failed');
  await send({ RequestType: 'Update', step: 'run', settings: 'a', old: 'b' });
  // The next change of settings is an update as any other.
  await expect(send({ RequestType: 'Update', step: 'run', settings: 'c', old: 'a' })).rejects.toThrow('is failed');
});

describe('a new epoch', () => {
  const there = (status: string) => {
    const dms = new FakeDms(status);
    dms.only = 'moraine-dev-shop-2';
    return dms;
  };
  const raised = { RequestType: 'Update', step: 'run', settings: 'b', old: 'a', epoch: 2, oldEpoch: 1 } as const;
  const rolledBack = { ...raised, settings: 'a', old: 'b', epoch: 1, oldEpoch: 2 };

  test('that does not start is rolled back, though the old replication is gone', async () => {
    const dms = there('created');
    dms.fails = true;
    const { send } = setUp(dms);
    await expect(send(raised)).rejects.toThrow('Replication moraine-dev-shop-2 is failed');
    await send(rolledBack);
    expect(dms.status).toBe('failed');
  });

  test('that something else takes back is stopped, for its reader is of the old one again', async () => {
    const { send, dms } = setUp(there('created'));
    await send(raised);
    await send(rolledBack);
    expect([dms.orders, dms.status]).toEqual([['start-replication', 'stop'], 'stopped']);
    await send(raised);
    expect(dms.status).toBe('running');
  });

  test('that is deployed before its replication is there fails, and stops nothing', async () => {
    const { send, dms } = setUp(new FakeDms('running'));
    dms.only = 'moraine-dev-shop-1';
    await expect(send(raised)).rejects.toThrow('Replication moraine-dev-shop-2 is not there');
    expect([dms.orders, dms.status]).toEqual([[], 'running']);
  });
});

test('AWS taking its time fails nothing: after half an hour the alarms tell', async () => {
  const dms = new FakeDms('provisioning_capacity');
  const { minutes } = await setUp(dms).send({ RequestType: 'Create', step: 'run' });
  expect(minutes).toBe(31);
});

test('one that does not stop keeps CloudFormation from changing it', async () => {
  const { send } = setUp(new FakeDms('stopping'));
  const change = send({ RequestType: 'Update', step: 'before', settings: 'b', old: 'a', id: 'x' });
  await expect(change).rejects.toThrow('Replication moraine-dev-shop-1 is stopping, and DMS says no reason');
});
