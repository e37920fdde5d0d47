import { answerProxy } from '../../../lambdas/serve-analytics/adapter';
import { makeApp } from '../../../lambdas/serve-analytics/app';
import { asOf } from '../../../lambdas/serve-analytics/health';
import { awsError, contract, endpoint, fake, platform } from '../fakes';
import { fakeDynamo, type Item } from '../fake-dynamo';

beforeEach(() => jest.spyOn(console, 'log').mockImplementation(() => undefined));

const NOW = new Date('2026-11-20T06:00:00Z');

const deps = (dynamo = fakeDynamo().client) => ({
  platform: platform(),
  dynamo,
  servingTable: 'serving',
  runsTable: 'runs',
  now: () => NOW,
});

function setUp(...items: Item[]) {
  const dynamo = fakeDynamo();
  for (const item of items) dynamo.items.set(`runs|${item.pk}|${item.sk}`, item);
  const contracts = [
    contract(),
    contract({ dataset: 'clicks' }),
    contract({ dataset: 'notes', freshnessHours: undefined }),
  ];
  const sources = [...platform().sources, { kind: 'collector', name: 'clicks', dataset: 'clicks' } as const];
  const app = makeApp({ ...deps(dynamo.client), platform: platform({ contracts, sources }) });
  const get = async (path: string) => {
    const response = await app.request(path);
    return {
      status: response.status,
      body: (await response.json()) as Record<string, unknown>,
      headers: response.headers,
    };
  };
  return { app, dynamo, get };
}

describe('a question that can not be answered', () => {
  it.each([
    ['?status=lost', 400, 'Parameter status is "lost"; allowed are open, shipped'],
    ['', 400, 'Parameter status is missing; allowed are open, shipped'],
    ['?status=open&status=shipped', 400, 'Parameter status is ["open","shipped"]; allowed are open, shipped'],
    ['?status=open&colour=red', 400, 'Parameter colour is unknown; allowed are status, country, limit'],
    ['?status=open&country=', 400, 'Parameter country is ""; give one value'],
    ['?status=open&limit=0', 400, 'Parameter limit is "0"; a whole number from 1 to 1000 is allowed'],
    ['?status=open&limit=1001', 400, 'Parameter limit is "1001"; a whole number from 1 to 1000 is allowed'],
    ['?status=open&limit=ten', 400, 'Parameter limit is "ten"; a whole number from 1 to 1000 is allowed'],
    ['?status=open&limit=', 400, 'Parameter limit is ""; a whole number from 1 to 1000 is allowed'],
    ['?status=open&limit=-1', 400, 'Parameter limit is "-1"; a whole number from 1 to 1000 is allowed'],
    ['?status=open&limit=2.5', 400, 'Parameter limit is "2.5"; a whole number from 1 to 1000 is allowed'],
    ['?status=open&limit=1&limit=2', 400, 'Parameter limit is ["1","2"]; a whole number from 1 to 1000 is allowed'],
    ['?status=open', 503, "/analytics/orders has not been published yet; the pipeline's next run publishes it"],
  ])('%s is answered %i: %s', async (query, status, error) => {
    const answer = await setUp().get(`/analytics/orders${query}`);
    expect([answer.status, answer.body]).toEqual([status, { error }]);
    expect(answer.headers.get('retry-after')).toBe(status === 503 ? '60' : null);
  });

  it('lists the paths that there are', async () => {
    await expect(setUp().get('/analytics/nothing')).resolves.toMatchObject({
      status: 404,
      body: {
        error: 'No GET /analytics/nothing here',
        paths: ['/health', '/docs', '/openapi.json', '/analytics/orders'],
      },
    });
  });

  it.each(['/health', '/analytics/orders?status=open'])('%s is 503 when the store does not answer', async (path) => {
    const { dynamo, get } = setUp();
    const broken = () => {
      throw awsError('TimeoutError');
    };
    fake(dynamo.client, { Get: broken, Query: broken });
    const answer = await get(path);
    expect([answer.status, answer.body]).toEqual([503, { error: 'The data store did not answer; try again' }]);
  });
});

describe('/health', () => {
  it('says never before the first run', async () => {
    const { status, body } = await setUp().get('/health');
    expect(status).toBe(200);
    expect(body).toEqual({
      status: 'stale',
      datasets: [
        { dataset: 'orders', status: 'never', as_of: null, freshness_hours: 26 },
        { dataset: 'clicks', status: 'never', as_of: null, freshness_hours: 26 },
        { dataset: 'notes', status: 'never', as_of: null, freshness_hours: null },
      ],
      gold: { published_at: null },
    });
  });

  const fresh: Item[] = [
    {
      pk: 'dataset#orders',
      sk: 'merge',
      finished_at: '2026-11-20T05:30:00Z',
      newest_committed_at: '2026-11-19T05:00:00Z',
      changed: 3,
    },
    { pk: 'dataset#clicks', sk: 'merge', finished_at: '2026-11-20T05:30:00Z', newest_committed_at: null },
    {
      pk: 'dataset#notes',
      sk: 'merge',
      finished_at: '2020-01-01T00:00:00Z',
      newest_committed_at: '2020-01-01T00:00:00Z',
    },
    { pk: 'gold', sk: 'publish', run_id: 'r', published_at: '2026-11-20T05:40:00Z' },
  ];

  it('is ok when every dataset keeps its contract', async () => {
    const { body } = await setUp(...fresh).get('/health');
    expect(body).toMatchObject({ status: 'ok', gold: { published_at: '2026-11-20T05:40:00Z' } });
  });

  it('is stale when one is late', async () => {
    const late = { ...fresh[0], newest_committed_at: '2026-11-19T03:59:00Z' };
    const { body } = await setUp(late, ...fresh.slice(1)).get('/health');
    expect(body).toMatchObject({
      status: 'stale',
      datasets: [{ status: 'stale' }, { status: 'ok' }, { status: 'ok' }],
    });
  });

  const at = (hours: number) => new Date(NOW.getTime() + hours * 3_600_000).toISOString();
  const load = (sk: string, rows: number) => ({
    sk,
    finished_at: at(1),
    newest_committed_at: NOW.toISOString(),
    bronze_rows: rows,
  });
  const merge = (hours: number, newest?: string) => ({
    sk: 'merge',
    finished_at: at(hours),
    newest_committed_at: newest,
  });

  it.each([
    ['a snapshot that changed nothing', [load('load_snapshot', 0), merge(-48, at(-48))], false, NOW],
    ['an API that had nothing new', [load('load_landing', 0), merge(-48, at(-48))], false, NOW],
    ['a first load that found nothing', [load('load_landing', 0)], false, NOW],
    ['a load that is merged', [load('load_landing', 7), merge(2, at(-48))], false, NOW],
    [
      'a merge, when the load after it is not merged yet',
      [load('load_snapshot', 7), merge(0, at(-24))],
      false,
      at(-24),
    ],
    ['nothing, when a load was never merged', [load('load_landing', 7)], false, undefined],
    ['a database merge that found nothing', [merge(0)], false, undefined],
    ['a collector’s merge that found nothing', [merge(0)], true, NOW],
    ['nothing that is no time', [merge(0, 'soon')], false, undefined],
  ])('takes the time of %s', (_, records, collected, expected) => {
    expect(asOf(records, collected)).toEqual(expected && new Date(expected));
  });
});

it('describes itself', async () => {
  const { body } = await setUp().get('/openapi.json');
  expect(body).toMatchObject({ openapi: '3.1.0' });
  const paths = body.paths as Record<
    string,
    { get: { parameters: { name: string; required: boolean }[]; responses: object } }
  >;
  expect(Object.keys(paths)).toEqual(['/health', '/analytics/orders']);
  const { parameters, responses } = paths['/analytics/orders'].get;
  expect(parameters.map(({ name, required }) => [name, required])).toEqual([
    ['status', true],
    ['country', false],
    ['limit', false],
  ]);
  expect(JSON.stringify(responses)).toContain('"format":"int64"');
});

describe('/docs', () => {
  it('shows each path, its parameters with the values allowed, and the fields of its answer', async () => {
    const response = await setUp().app.request('/docs');
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html; charset=UTF-8']);
    const page = await response.text();
    for (const shown of [
      '<h2><code>GET /health</code></h2>',
      '<h2><code>GET /analytics/orders</code></h2><p>Orders by delivery date and status</p>',
      '<td><code>status</code></td><td>required</td><td><code>open</code>, <code>shipped</code></td>',
      '<td><code>country</code></td><td>optional</td><td>string</td>',
      '<td><code>limit</code></td><td>optional</td><td>integer from 1 to 1000, otherwise 1000</td>',
      '<td><code>data[].orders</code></td><td>int64</td><td>How many.</td>',
      '<td><code>400</code></td><td>A parameter is missing, unknown or not allowed</td>',
    ]) {
      expect(page).toContain(shown);
    }
  });

  it('loads nothing, runs nothing, and shows a text as text', async () => {
    const wicked = { ...endpoint, summary: `<script>alert("1")</script> & 'more'` };
    const response = await makeApp({ ...deps(), platform: platform({ endpoints: [wicked] }) }).request('/docs');
    const page = await response.text();
    expect(page).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;more&#39;');
    expect(page).not.toMatch(/<script|<link|<img|src=|https?:/);
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
  });
});

it('answers API Gateway behind a stage, whose query is decoded', async () => {
  const { app } = setUp();
  const ask = (path: string, multiValueQueryStringParameters: Record<string, string[]> | null) =>
    answerProxy(app, { httpMethod: 'GET', path, multiValueQueryStringParameters });
  const healthy = await ask('/health', null);
  expect(healthy.statusCode).toBe(200);
  expect(healthy.headers).toEqual({ 'content-type': 'application/json' });
  expect(JSON.parse(healthy.body)).toMatchObject({ status: 'stale' });
  const refused = await ask('/analytics/orders', { status: ['a&b=c'] });
  expect([refused.statusCode, refused.body]).toEqual([
    400,
    '{"error":"Parameter status is \\"a&b=c\\"; allowed are open, shipped"}',
  ]);
});
