import { gzipSync } from 'node:zlib';
import { bench, CURSOR, day, threeDays } from './bench';

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
  const { extract, extractPages, api, landed } = await bench(threeDays);
  expect(await extract('day-1', 30_000)).toMatchObject({ status: 'unfinished', pages: 0 });
  expect(await extractPages(2)).toMatchObject({ status: 'unfinished', seconds: 0, pages: 2 });
  expect(await extract()).toMatchObject({ status: 'extracted', pages: 3, records: 3 });
  expect(api.got.map(({ query }) => `${query.from} ${query.page}`)).toEqual([1, 2, 3].map((n) => `2026-01-01 ${n}`));
  expect(landed.size).toBe(4);
});

test('a page that could not be landed is asked for again, and lands under the same name', async () => {
  const { extract, lost, api, landed } = await bench(threeDays);
  lost.object = (key) => key.includes('page-00000002');
  await expect(extract()).rejects.toThrow('S3 is away');
  lost.object = () => false;
  expect(await extract()).toMatchObject({ status: 'extracted', pages: 3, records: 3 });
  expect(api.got.map((got) => got.query.page)).toEqual(['1', '2', '2', '3']);
  expect(landed.size).toBe(4);
});

test('killed between a page and the state, a run asks for that page again, and nothing is there twice', async () => {
  const { extract, lost, api, landed, pages } = await bench(threeDays);
  lost.state = (version) => version === 3; // 1 begins the run, 2 and 3 are its pages
  await expect(extract()).rejects.toThrow('DynamoDB is away');
  expect(landed.size).toBe(2);
  lost.state = () => false;
  expect(await extract()).toMatchObject({ status: 'extracted', pages: 3, records: 3 });
  expect(api.got.map((got) => got.query.page)).toEqual(['1', '2', '2', '3']);
  expect(pages()).toEqual([
    '{"rows":[{"day":"2026-01-01"},{"day":"2026-01-02"}]}',
    '{"rows":[{"day":"2026-01-03"}]}',
    '{"rows":[]}',
  ]);
});

test('a run without its manifest is not extracted', async () => {
  const { extract, lost } = await bench(threeDays);
  lost.object = (key) => key.endsWith('manifest.json');
  await expect(extract()).rejects.toThrow('S3 is away');
  await expect(extract()).rejects.toThrow('S3 is away');
  lost.object = () => false;
  expect(await extract()).toMatchObject({ status: 'extracted', pages: 3, records: 3 });
});

test('a run that stood still for a day is left behind; one that moves goes on for as long as it takes', async () => {
  const { extractPages, extract, advance, api } = await bench(threeDays);
  const first = await extractPages(1);
  advance(20);
  expect(await extractPages(1, 'day-2')).toMatchObject({ run: first.run, pages: 2 });
  advance(20);
  expect(await extract('day-3')).toMatchObject({ run: first.run, status: 'extracted', pages: 3 });
  expect(api.got.map((got) => got.query.page)).toEqual(['1', '2', '3']);

  const still = await bench(threeDays);
  const left = await still.extractPages(1);
  still.advance(25);
  const fresh = await still.extract('day-2');
  expect(fresh).toMatchObject({ status: 'extracted', pages: 3 });
  expect(fresh.run).not.toBe(left.run);
  expect(still.api.got.map((got) => got.query.page)).toEqual(['1', '1', '2', '3']);
  // What the first one landed was never loaded.
  expect(new Set(still.api.got.map((got) => got.query.from))).toEqual(new Set(['2026-01-01']));
});

test('a run, or an increment, that an operator takes out of the state is begun anew', async () => {
  const { extract, confirm, items, api } = await bench(threeDays);
  const key = 'runs|extract#office|fares';
  await confirm((await extract()).run);
  await extract('day-2');
  for (const [gone, from] of [
    ['run', '2026-01-03'],
    ['cursor', '2026-01-01'],
  ]) {
    const left = Object.entries(items.get(key) ?? {}).filter(([name]) => name !== 'run' && name !== gone);
    items.set(key, Object.fromEntries(left) as never);
    api.got.length = 0;
    expect(await extract('day-3')).toMatchObject({ status: 'extracted', pages: 3 });
    expect(api.got[0].query).toMatchObject({ page: '1', from });
  }
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

test('an API that asks nobody gets no key, and no secret is read', async () => {
  const { extract, api, secrets } = await bench(threeDays, { source: { authentication: { kind: 'none' } } });
  expect(await extract()).toMatchObject({ status: 'extracted' });
  expect(api.got[0].headers).not.toHaveProperty('x-api-key');
  expect(secrets.sent).toEqual([]);
});

test('packed answers land unpacked, as the loader reads them', async () => {
  const text = '{"rows": []}';
  const { extract, pages } = await bench(() => ({ headers: { 'Content-Encoding': 'gzip' }, body: gzipSync(text) }));
  await extract();
  expect(pages()).toEqual([text]);
});

test('what is not declared, or not extracted, is named', async () => {
  const { confirm, ask, extract, items } = await bench(threeDays);
  await expect(confirm('never')).rejects.toThrow('run "never" is not the extracted one, which is undefined');
  await expect(ask({ dataset: 'tolls' })).rejects.toThrow(
    'No REST source "office" with a resource "tolls" is declared in sources/',
  );
  await expect(ask({ source: 'depot' })).rejects.toThrow('No REST source "depot" with a resource "fares"');
  await expect(ask({ action: 'load' })).rejects.toThrow('extract-rest: action: Invalid option');
  const { run } = await extract();
  await expect(confirm('older')).rejects.toThrow(`run "older" is not the extracted one, which is "${run}"`);
  expect(items.get('runs|extract#office|fares')).toMatchObject({ run: { status: 'extracted' } });
  const nowhere = await bench(threeDays, { urls: {} });
  await expect(nowhere.extract()).rejects.toThrow('Source office has no URL here; name it in config/ under apis');
});
