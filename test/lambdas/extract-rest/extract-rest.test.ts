import { gunzipSync } from 'node:zlib';
import { S3Client, type PutObjectCommandInput } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { makeHandler } from '../../../lambdas/extract-rest';
import type { RestPaging, RestResource, RestSource } from '../../../lambdas/shared/rest-source';
import { fakeDynamo } from '../fake-dynamo';
import { fake, platform } from '../fakes';
import { startApi, type Got, type Reply } from './api';

const resource: RestResource = {
  dataset: 'fares',
  path: '/fares',
  query: { per_page: '2' },
  records: '$.rows[*]',
  paging: { kind: 'page', parameter: 'page' },
  increment: { parameter: 'from', field: '$.day', start: '2026-01-01' },
};

const CURSOR: RestPaging = { kind: 'cursor', parameter: 'after', next: '$.meta.next' };

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** The handler on a real API, with AWS faked; `advance` moves the clock. */
async function bench(
  reply: (got: Got, nth: number) => Reply,
  options: { resource?: Partial<RestResource>; source?: Partial<RestSource>; secret?: string } = {},
) {
  const api = await startApi(reply);
  stops.push(api.stop);
  const landed = new Map<string, PutObjectCommandInput>();
  let failing = false;
  const s3 = fake(new S3Client({ region: 'us-east-1' }), {
    PutObject: (input: PutObjectCommandInput) => {
      if (failing) throw new Error('S3 is away');
      landed.set(String(input.Key), input);
      return {};
    },
  });
  const secrets = fake(new SecretsManagerClient({ region: 'us-east-1' }), {
    GetSecretValue: () => ({ SecretString: options.secret ?? '{"key": "s3cr3t"}' }),
  });
  const { client, items } = fakeDynamo();
  const source: RestSource = {
    kind: 'rest',
    name: 'office',
    authentication: { kind: 'api_key', header: 'X-Api-Key' },
    resources: [{ ...resource, ...options.resource }],
    ...options.source,
  };
  let time = Date.parse('2026-02-01T00:00:00Z');
  const slept: number[] = [];
  const handler = makeHandler({
    env: {
      LANDING_BUCKET: 'landing',
      LANDING_PREFIX: 'rest/',
      RUNS_TABLE: 'runs',
      API_URLS: JSON.stringify({ office: api.url }),
      API_SECRETS: JSON.stringify({ office: 'moraine/dev/office' }),
    },
    platform: () => platform({ sources: [source] }),
    s3,
    secrets,
    runs: client,
    fetch: globalThis.fetch,
    sleep: (milliseconds) => {
      slept.push(milliseconds);
      time += milliseconds;
      return Promise.resolve();
    },
    now: () => new Date(time),
  });
  const call = (action: string, runId: string, left = 900_000, run?: string) =>
    handler({ action, source: 'office', dataset: 'fares', runId, run }, { getRemainingTimeInMillis: () => left });
  return {
    api,
    landed,
    items,
    slept,
    extract: (runId = 'day-1', left?: number) => call('extract', runId, left),
    confirm: (run: string, runId = 'day-1') => call('confirm', runId, undefined, run),
    pages: () =>
      [...landed].flatMap(([key, { Body }]) => (key.endsWith('.gz') ? [gunzipSync(Body as Buffer).toString()] : [])),
    advance: (hours: number) => (time += hours * 3_600_000),
    breakS3: (broken: boolean) => (failing = broken),
  };
}

const day = (number: number) => ({ day: `2026-01-${String(number).padStart(2, '0')}` });

/** Three days in pages of two. */
const threeDays = ({ query }: Got): Reply => ({
  body: { rows: [1, 2, 3].map(day).slice((Number(query.page) - 1) * 2, Number(query.page) * 2) },
});

test('pages land as they came, under names that depend on nothing but their numbers, and a manifest closes the run', async () => {
  const big = '{"rows": [{"day": "2026-01-01", "id": 9007199254740993, "rate": 1.10}]}';
  const { extract, landed, api, pages } = await bench(({ query }) => ({
    body: query.page === '1' ? big : '{"rows":[]}',
  }));
  const done = await extract();
  expect(done).toMatchObject({ status: 'extracted', pages: 2, records: 1, run: '20260201T000000000Z' });
  expect(pages()[0]).toBe(big);
  const folder = 'rest/office/fares/20260201T000000000Z';
  expect(done.landing).toBe(`s3://landing/${folder}/`);
  expect([...landed.keys()]).toEqual([
    `${folder}/page-00000001.json.gz`,
    `${folder}/page-00000002.json.gz`,
    `${folder}/manifest.json`,
  ]);
  expect(JSON.parse(landed.get(`${folder}/manifest.json`)?.Body as string)).toEqual({
    source: 'office',
    dataset: 'fares',
    run: '20260201T000000000Z',
    started_at: '2026-02-01T00:00:00.000Z',
    pages: 2,
    records: 1,
    select: { records: '$.rows[*]', fields: {} },
  });
  expect(api.got[0]).toMatchObject({ path: '/v1/fares', query: { per_page: '2', from: '2026-01-01', page: '1' } });
  expect(api.got.map((got) => got.headers['x-api-key'])).toEqual(['s3cr3t', 's3cr3t']);
});

test('the next run starts at the newest record of the last one that was confirmed', async () => {
  const { extract, confirm, api, advance } = await bench(threeDays);
  const first = await extract('day-1');
  expect(await confirm(first.run, 'day-1')).toMatchObject({ status: 'confirmed' });
  expect(await confirm(first.run, 'day-1')).toMatchObject({ status: 'confirmed' }); // asked twice, as a retry would
  advance(24);
  api.got.length = 0;
  const second = await extract('day-2');
  expect(second.run).not.toBe(first.run);
  expect(api.got[0].query.from).toBe('2026-01-03');
});

test('a run whose load failed is loaded by the next execution, and then there is a new one to extract', async () => {
  const { extract, confirm, api, advance } = await bench(threeDays);
  const first = await extract('day-1');
  advance(48);
  api.got.length = 0;
  expect(await extract('day-2')).toMatchObject({ status: 'extracted', run: first.run, pages: 3 });
  expect(api.got).toEqual([]);
  expect(await confirm(first.run, 'day-2')).toMatchObject({ status: 'unfinished', seconds: 0 });
  expect((await extract('day-2')).run).not.toBe(first.run);
  expect(api.got[0].query.from).toBe('2026-01-03');
});

test('cut off before its deadline, a run goes on from its next page', async () => {
  const { extract, api, landed } = await bench(threeDays);
  const left = [900_000, 900_000, 30_000];
  const call = () => extract('day-1', left.shift());
  expect(await extract('day-1', 30_000)).toMatchObject({ status: 'unfinished', pages: 0 });
  expect(await call()).toMatchObject({ status: 'extracted', pages: 3, records: 3 });
  expect(api.got.map((got) => got.query.page)).toEqual(['1', '2', '3']);
  expect(landed.size).toBe(4);
});

test('a page that could not be landed is asked for again, and lands under the same name', async () => {
  const { extract, breakS3, api, landed } = await bench(threeDays);
  breakS3(true);
  await expect(extract()).rejects.toThrow('S3 is away');
  breakS3(false);
  expect(await extract()).toMatchObject({ status: 'extracted', pages: 3 });
  expect(api.got.map((got) => got.query.page)).toEqual(['1', '1', '2', '3']);
  expect(landed.size).toBe(4);
});

test('a run that stood still for a day is left behind', async () => {
  const { extract, advance, api } = await bench(threeDays);
  const first = await extract('day-1', 0);
  advance(25);
  const second = await extract('day-2');
  expect(second.run).not.toBe(first.run);
  expect(api.got[0].query.page).toBe('1');
});

test('cursors are followed to the page that names no next, whether or not pages are full', async () => {
  const bodies: Record<string, unknown> = {
    start: { rows: [day(1)], meta: { next: 'b' } },
    b: { rows: [], meta: { next: 7 } },
    7: { rows: [day(2)], meta: { next: null } },
  };
  const { extract, api } = await bench(({ query }) => ({ body: bodies[query.after ?? 'start'] }), {
    resource: { paging: CURSOR },
    source: { authentication: { kind: 'bearer' } },
    secret: '{"token": "t0k3n"}',
  });
  expect(await extract()).toMatchObject({ status: 'extracted', pages: 3, records: 2 });
  expect(api.got.map((got) => got.query.after)).toEqual([undefined, 'b', '7']);
  expect(api.got[0].headers.authorization).toBe('Bearer t0k3n');
});

describe('what fails for a while', () => {
  test.each<{ name: string; reply: Reply; slept: unknown }>([
    { name: '429 with seconds', reply: { status: 429, headers: { 'Retry-After': '3' } }, slept: [3000] },
    {
      name: '429 with a date',
      reply: { status: 429, headers: { 'Retry-After': 'Sun, 01 Feb 2026 00:00:05 GMT' } },
      slept: [5000],
    },
    { name: '500', reply: { status: 500 }, slept: [expect.any(Number)] },
    { name: '503', reply: { status: 503 }, slept: [expect.any(Number)] },
    { name: 'a connection that breaks', reply: { hangUp: true }, slept: [expect.any(Number)] },
  ])('$name is asked for again', async ({ reply, slept }) => {
    const made = await bench((got, nth) => (nth === 1 ? reply : threeDays(got)));
    expect(await made.extract()).toMatchObject({ status: 'extracted', records: 3 });
    expect(made.slept).toEqual(slept);
  });

  test('a wait longer than this call has left is left to the pipeline', async () => {
    const made = await bench((got, nth) =>
      nth === 1 ? { status: 429, headers: { 'Retry-After': '3600' } } : threeDays(got),
    );
    expect(await made.extract()).toMatchObject({ status: 'unfinished', seconds: 3600, pages: 0 });
    expect(made.slept).toEqual([]);
    expect(await made.extract()).toMatchObject({ status: 'extracted', records: 3 });
  });

  test('for good, it ends the run with what the API said, and the next call goes on from there', async () => {
    let broken = true;
    const made = await bench((got) =>
      broken && got.query.page === '2' ? { status: 502, body: 'bad gateway' } : threeDays(got),
    );
    await expect(made.extract()).rejects.toThrow(
      /^GET http.*page=2 answered 502: bad gateway, 6 times; the next run goes on from here$/,
    );
    broken = false;
    made.api.got.length = 0;
    expect(await made.extract('day-2')).toMatchObject({ status: 'extracted', pages: 3 });
    expect(made.api.got.map((got) => got.query.page)).toEqual(['2', '3']);
  });
});

describe('what is no page', () => {
  test.each<{ name: string; reply: Reply; error: RegExp; more?: Partial<RestResource> }>([
    {
      name: 'a text that is not JSON',
      reply: { body: '{"rows": [' },
      error: /answered 200 with what is not JSON .*: \{"rows": \[$/,
    },
    {
      name: 'another content type',
      reply: { headers: { 'Content-Type': 'text/html' }, body: '<h1>Log in</h1>' },
      error: /answered 200 with content type "text\/html", JSON is wanted: <h1>Log in<\/h1>$/,
    },
    {
      name: 'an error with status 200',
      reply: { body: { ok: false, error: 'expired' } },
      error: /has no list at \$\.rows: \{"ok":false,"error":"expired"\}$/,
    },
    { name: 'a list that is none', reply: { body: { rows: 'none' } }, error: /has no list at \$\.rows/ },
    {
      name: 'a page that repeats for ever',
      reply: { body: { rows: [day(1)] } },
      error: /the same page as the one before; the API would repeat it for ever/,
    },
    {
      name: 'a cursor that stays',
      reply: { body: { rows: [], meta: { next: 'x' } } },
      error: /the page at cursor "x" names itself as the next/,
      more: { paging: CURSOR },
    },
    {
      name: 'a cursor that JSON.parse rounds',
      reply: { body: '{"rows": [], "meta": {"next": 9007199254740993}}' },
      error: /next cursor is 9007199254740992; a text, or a whole number below 2\^53, is wanted/,
      more: { paging: CURSOR },
    },
    {
      name: 'an increment that is no text',
      reply: { body: { rows: [{ day: 5 }] } },
      error: /a record's increment is 5; a text such as/,
    },
    {
      name: 'a redirect',
      reply: { status: 302, headers: { Location: 'https://elsewhere.example/x' } },
      error: /answered 302, a redirect to https:\/\/elsewhere\.example; put/,
    },
    {
      name: 'a refused key',
      reply: { status: 401, body: '{"error":"who?"}' },
      error: /answered 401: \{"error":"who\?"\}; check the source's secret/,
    },
    { name: 'an unknown path', reply: { status: 404 }, error: /answered 404; check path and query/ },
  ])('$name ends the run in one line, and nothing is taken for it', async ({ reply, error, more }) => {
    const { extract, items } = await bench(() => reply, { resource: more });
    const failure = await extract().catch((one: unknown) => one as Error);
    expect(failure).toBeInstanceOf(Error);
    expect((failure as Error).message).toMatch(error);
    expect((failure as Error).message).not.toContain('\n');
    expect((failure as Error).message).not.toContain('s3cr3t');
    expect(items.get('runs|extract#office|fares')).toMatchObject({ run: { status: 'extracting' } });
  });
});

test.each(['', 'plain', '{"token": "x"}', '{"key": "with\\nfeed"}', '{"key": ""}'])(
  'a secret that holds %j is said to, without what it holds',
  async (secret) => {
    const { extract, api } = await bench(threeDays, { secret });
    await expect(extract()).rejects.toThrow(
      `Secret moraine/dev/office has no usable key: aws secretsmanager put-secret-value --secret-id moraine/dev/office --secret-string '{"key": "…"}'`,
    );
    expect(api.got).toEqual([]);
  },
);

test('two extractions of one resource at once: the second is refused', async () => {
  const { extract, items } = await bench((got, nth) => {
    if (nth === 2) {
      const key = 'runs|extract#office|fares';
      const item = items.get(key);
      if (item) items.set(key, { ...item, version: 99 });
    }
    return threeDays(got);
  });
  await expect(extract()).rejects.toThrow('Another run extracts fares from office at this moment');
});

test('an unknown resource is named', async () => {
  const { confirm } = await bench(threeDays);
  await expect(confirm('never')).rejects.toThrow('run "never" is not the extracted one');
});
