import { makeHandler } from '../../../lambdas/publish-aggregates';
import { makeApp } from '../../../lambdas/serve-analytics/app';
import { awsError, fake, noSleep, platform } from '../fakes';
import { fakeDynamo } from '../fake-dynamo';
import { fakeRedshift, type Rows } from '../fake-redshift';

beforeEach(() => jest.spyOn(console, 'log').mockImplementation(() => undefined));

const env = { WORKGROUP: 'w', DATABASE: 'd', SERVING_TABLE: 'serving', RUNS_TABLE: 'runs' };
const rowsOf = (days: number, status = 'open'): Rows =>
  Array.from({ length: days }, (_, i) => ({
    delivery_date: `2026-01-${String(i + 1).padStart(2, '0')}`,
    orders: '9007199254740993',
    amount: '10.50',
    _p_status: status,
    _p_country: i % 2 === 0 ? 'DE' : null,
    _rank_0: i + 1,
    _total_0: days,
    _rank_1: Math.floor(i / 2) + 1,
    _total_1: i % 2 === 0 ? Math.ceil(days / 2) : Math.floor(days / 2),
  }));

function setUp(rows: Rows = rowsOf(30)) {
  const dynamo = fakeDynamo();
  const gold = { rows };
  let time = new Date('2026-11-20T06:00:00Z').getTime();
  const now = () => new Date((time += 1000));
  const wait = (seconds: number) => (time += seconds * 1000);
  const redshift = fakeRedshift(() => gold.rows);
  const publish = makeHandler({ env, platform, redshift, dynamo: dynamo.client, now, sleep: noSleep });
  const app = makeApp({ platform: platform(), dynamo: dynamo.client, servingTable: 'serving', runsTable: 'runs', now });
  const get = async (path: string) => {
    const response = await app.request(path);
    return { status: response.status, text: await response.text(), headers: response.headers };
  };
  return { dynamo, gold, redshift, publish, get, wait };
}

it('publishes what is then answered, digit for digit and in order', async () => {
  const { publish, get } = setUp(rowsOf(30));
  await expect(publish({ runId: 'run-1' })).resolves.toEqual({
    runId: 'run-1',
    publishedAt: '2026-11-20T06:00:01.000Z',
    endpoints: [{ path: '/analytics/orders', rows: 30, current: true }],
  });
  const { status, text, headers } = await get('/analytics/orders?status=open&limit=2');
  expect(status).toBe(200);
  expect(headers.get('content-type')).toBe('application/json');
  expect(text).toBe(
    '{"data":[{"delivery_date":"2026-01-01","orders":9007199254740993,"amount":10.50},' +
      '{"delivery_date":"2026-01-02","orders":9007199254740993,"amount":10.50}],' +
      '"as_of":"2026-11-20T06:00:01.000Z","count":2,"total":30}',
  );
  const all = JSON.parse((await get('/analytics/orders?status=open')).text) as {
    data: { delivery_date: string }[];
    count: number;
  };
  expect(all.count).toBe(30);
  expect(all.data.map((row) => row.delivery_date)).toEqual(rowsOf(30).map((row) => row.delivery_date));
  expect(JSON.parse((await get('/analytics/orders?status=open&country=DE')).text)).toMatchObject({
    count: 15,
    total: 15,
  });
  expect(JSON.parse((await get('/analytics/orders?status=shipped')).text)).toMatchObject({
    data: [],
    count: 0,
    total: 0,
  });
});

it('publishes the first thousand of each filter, and says how many there are', async () => {
  const { publish, get, dynamo } = setUp(rowsOf(1003).map((row) => ({ ...row, _p_country: null, _total_0: 1003 })));
  await publish({ runId: 'run-1' });
  expect(dynamo.all().filter((item) => 'row' in item)).toHaveLength(1000);
  expect(JSON.parse((await get('/analytics/orders?status=open')).text)).toMatchObject({ count: 1000, total: 1003 });
});

it('replaces a version at once, and deletes the old one when nobody reads it any more', async () => {
  const { publish, gold, get, dynamo, wait } = setUp(rowsOf(30));
  const rows = () => dynamo.all().filter((item) => 'row' in item).length;
  const versions = () => dynamo.all().filter((item) => item.sk.startsWith('version#')).length;
  await publish({ runId: 'run-1' });
  gold.rows = rowsOf(3);
  await publish({ runId: 'run-2' });
  expect(JSON.parse((await get('/analytics/orders?status=open')).text)).toMatchObject({
    count: 3,
    as_of: '2026-11-20T06:00:03.000Z',
  });
  expect([rows(), versions()]).toEqual([30 + 15 + 3 + 2, 2]);
  wait(50);
  gold.rows = rowsOf(4);
  await publish({ runId: 'run-3' });
  expect([rows(), versions()]).toEqual([30 + 15 + 3 + 2 + 4 + 2, 3]);
  wait(10);
  gold.rows = rowsOf(6);
  await publish({ runId: 'run-4' });
  expect([rows(), versions()]).toEqual([3 + 2 + 4 + 2 + 6 + 3, 3]);
  expect(JSON.parse((await get('/analytics/orders?status=open')).text)).toMatchObject({ count: 6 });
});

it('writes nothing but the time when nothing has changed', async () => {
  const { publish, gold, get, dynamo } = setUp(rowsOf(30));
  await publish({ runId: 'run-1' });
  const before = dynamo.all().filter((item) => item.sk !== 'current' && item.pk !== 'gold');
  await publish({ runId: 'run-2' });
  expect(dynamo.all().filter((item) => item.sk !== 'current' && item.pk !== 'gold')).toEqual(before);
  expect(JSON.parse((await get('/analytics/orders?status=open')).text)).toMatchObject({
    total: 30,
    as_of: '2026-11-20T06:00:03.000Z',
  });
  gold.rows = rowsOf(30).map((row, i) => (i === 29 ? { ...row, amount: '10.51' } : row));
  await publish({ runId: 'run-3' });
  expect((await get('/analytics/orders?status=open')).text).toContain('10.51');
});

it('publishes again only what was published before: a new warehouse has no gold yet', async () => {
  const { publish, redshift, get } = setUp(rowsOf(2));
  await expect(publish({ runId: 'live-1', again: true })).resolves.toMatchObject({ endpoints: [] });
  expect(redshift.sent).toEqual([]);
  await publish({ runId: 'run-1' });
  await publish({ runId: 'live-2', again: true });
  expect(JSON.parse((await get('/analytics/orders?status=open')).text)).toMatchObject({
    as_of: '2026-11-20T06:00:04.000Z',
  });
});

it('keeps the old version when it breaks off, and clears what it left behind next time', async () => {
  const { publish, gold, get, dynamo, wait } = setUp(rowsOf(5));
  await publish({ runId: 'run-1' });
  gold.rows = rowsOf(40);
  const send = dynamo.client.send.bind(dynamo.client) as (command: unknown) => Promise<unknown>;
  let writes = 0;
  Object.assign(dynamo.client, {
    send: (command: { constructor: { name: string } }) => {
      if (command.constructor.name === 'BatchWriteCommand' && ++writes > 1) throw awsError('ServiceUnavailable');
      return send(command);
    },
  });
  await expect(publish({ runId: 'run-2' })).rejects.toThrow('ServiceUnavailable');
  expect(JSON.parse((await get('/analytics/orders?status=open')).text)).toMatchObject({ count: 5 });
  Object.assign(dynamo.client, { send });
  gold.rows = rowsOf(6);
  await publish({ runId: 'run-3' });
  expect(JSON.parse((await get('/analytics/orders?status=open')).text)).toMatchObject({ count: 6 });
  wait(60);
  gold.rows = rowsOf(2);
  await publish({ runId: 'run-4' });
  expect(dynamo.all().filter((item) => 'row' in item)).toHaveLength(6 + 3 + 2 + 1);
});

it.each([1, 2, 3, 4])('finds all rows of a run that died while lot %i was under way', async (lost) => {
  const { publish, gold, dynamo, wait } = setUp(rowsOf(60));
  const send = dynamo.client.send.bind(dynamo.client) as (command: unknown) => Promise<unknown>;
  let lots = 0;
  // Lots travel side by side: those after the lost one may arrive all the same.
  Object.assign(dynamo.client, {
    send: (command: { constructor: { name: string } }) =>
      command.constructor.name === 'BatchWriteCommand' && ++lots === lost
        ? Promise.reject(awsError('ServiceUnavailable'))
        : send(command),
  });
  await expect(publish({ runId: 'killed' })).rejects.toThrow('ServiceUnavailable');
  await new Promise(setImmediate);
  Object.assign(dynamo.client, { send });
  gold.rows = rowsOf(6);
  await publish({ runId: 'later' });
  wait(60);
  gold.rows = rowsOf(2);
  await publish({ runId: 'last' });
  expect(dynamo.all().filter((item) => 'row' in item)).toHaveLength(6 + 3 + 2 + 1);
});

it('never goes back to an older version', async () => {
  const { publish, get, dynamo } = setUp(rowsOf(2));
  dynamo.items.set('serving|/analytics/orders|current', {
    pk: '/analytics/orders',
    sk: 'current',
    version: '2027-01-01T00:00:00.000Z.later',
    published_at: '2027-01-01T00:00:00.000Z',
    rows: 0,
  });
  await expect(publish({ runId: 'slow' })).resolves.toMatchObject({ endpoints: [{ current: false }] });
  expect((await get('/analytics/orders?status=open')).text).toContain('2027-01-01');
});

it('leaves a newer version alone that another run is writing', async () => {
  const { publish, gold, dynamo, wait } = setUp(rowsOf(2));
  const [path, version] = ['/analytics/orders', '2027-01-01T00:00:00.000Z.later'];
  for (const item of [
    { pk: path, sk: `version#${version}` },
    { pk: `${path}#${version}`, sk: 'status=open', rows: 1 },
    { pk: `${path}#${version}#status=open`, sk: '00000000', row: '{}' },
  ]) {
    dynamo.items.set(`serving|${item.pk}|${item.sk}`, item);
  }
  await publish({ runId: 'now' });
  wait(60);
  gold.rows = rowsOf(3);
  await publish({ runId: 'later' });
  expect(dynamo.items.has(`serving|${path}#${version}#status=open|00000000`)).toBe(true);
  expect(dynamo.items.has(`serving|${path}|version#${version}`)).toBe(true);
});

it('gives up when DynamoDB takes nothing, and says so', async () => {
  const { publish, dynamo } = setUp(rowsOf(2));
  fake(dynamo.client, {
    Put: () => ({}),
    Update: () => {
      throw awsError('ConditionalCheckFailedException');
    },
    BatchWrite: (input: { RequestItems: unknown }) => ({ UnprocessedItems: input.RequestItems }),
  });
  await expect(publish({ runId: 'r' })).rejects.toThrow(/DynamoDB left \d+ items of serving unwritten; publish again/);
});

it('fails with the warehouse’s message and publishes nothing', async () => {
  const { dynamo } = setUp();
  const redshift = fakeRedshift(() => new Error('relation "gold.orders_by_delivery_date" does not exist'));
  const publish = makeHandler({
    env,
    platform,
    redshift,
    dynamo: dynamo.client,
    now: () => new Date(0),
    sleep: noSleep,
  });
  await expect(publish({ runId: 'r' })).rejects.toThrow('does not exist');
  expect(dynamo.all()).toEqual([]);
  await expect(publish({})).rejects.toThrow('publish-aggregates: runId');
});
