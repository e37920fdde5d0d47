import type { RestResource } from '../../../lambdas/shared/rest-source';
import type { Reply } from './api';
import { api, bench, CURSOR, day, threeDays } from './bench';

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
    {
      name: 'an answer that is cut off',
      reply: { headers: { 'Content-Length': '100', Connection: 'close' }, body: '{"rows": [' },
      slept: [expect.any(Number)],
    },
  ])('$name is asked for again', async ({ reply, slept }) => {
    const made = await bench((got, nth) => (nth === 1 ? reply : threeDays(got)));
    expect(await made.extract()).toMatchObject({ status: 'extracted', records: 3 });
    expect(made.slept).toEqual(slept);
  });

  test('silence is not listened to for ever', async () => {
    const impatient: typeof fetch = (url, init) => {
      if (!init?.signal) throw new Error('no time limit');
      return fetch(url, { ...init, signal: AbortSignal.timeout(50) });
    };
    const made = await bench((got, nth) => (nth === 1 ? { silent: true } : threeDays(got)), { fetch: impatient });
    expect(await made.extract()).toMatchObject({ status: 'extracted', records: 3 });
    expect(made.slept).toHaveLength(1);
  });

  test('waits double where the API asks for none, or for no time at all', async () => {
    for (const headers of [undefined, { 'Retry-After': '0' }]) {
      const made = await bench((got, nth) => (nth < 6 ? { status: 503, headers } : threeDays(got)));
      expect(await made.extract()).toMatchObject({ status: 'extracted' });
      expect(made.slept).toHaveLength(5);
      made.slept.forEach((slept, i) => {
        expect(slept).toBeGreaterThanOrEqual(500 * 2 ** i);
        expect(slept).toBeLessThanOrEqual(1000 * 2 ** i);
      });
    }
  });

  test('a wait longer than this call has left is left to the pipeline', async () => {
    const made = await bench((got, nth) =>
      nth === 1 ? { status: 429, headers: { 'Retry-After': '3600' } } : threeDays(got),
    );
    expect(await made.extract()).toMatchObject({ status: 'unfinished', seconds: 3600, pages: 0 });
    expect(made.slept).toEqual([]);
    expect(await made.extract()).toMatchObject({ status: 'extracted', records: 3 });
  });

  test.each([
    ['a second more than six hours', '21601', '21601'],
    ['more than a number holds', '9'.repeat(400), '9007199254741'],
    ['a year', 'Mon, 01 Feb 2027 00:00:00 GMT', '31536000'],
  ])('a wait of %s is too long, and said to be', async (_, asked, seconds) => {
    const { extract } = await bench(() => ({ status: 503, headers: { 'Retry-After': asked }, body: 'closed' }));
    await expect(extract()).rejects.toThrow(
      new RegExp(
        `^GET http.*page=1 answered 503: closed; it lets us wait since 2026-02-01T00:00:00.000Z, asks for ${seconds} s more, and gets 6 h at most; the next run goes on from here$`,
      ),
    );
  });

  test('an API that lets us wait again and again gets six hours of an execution, and of the next one again', async () => {
    let busy = true;
    const made = await bench((got) =>
      busy && got.query.page === '2' ? { status: 429, headers: { 'Retry-After': '7200' } } : threeDays(got),
    );
    for (let hours = 0; hours < 6; hours += 2) {
      expect(await made.extract()).toMatchObject({ status: 'unfinished', seconds: 7200, pages: 1 });
      made.advance(2);
    }
    await expect(made.extract()).rejects.toThrow(
      'it lets us wait since 2026-02-01T00:00:00.000Z, asks for 7200 s more',
    );
    made.advance(10);
    expect(await made.extract('day-2')).toMatchObject({ status: 'unfinished', seconds: 7200, pages: 1 });
    made.advance(2);
    busy = false;
    expect(await made.extract('day-2')).toMatchObject({ status: 'extracted', pages: 3 });
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
  test.each<{ name: string; reply: Reply; error: RegExp; more?: Partial<RestResource>; changing?: boolean }>([
    {
      name: 'a text that is not JSON',
      reply: { body: '{"rows": [' },
      error: /answered 200 with what is not JSON .*: \{"rows": \[$/,
    },
    {
      name: 'bytes that are no UTF-8',
      reply: { body: Buffer.from('{"rows": ["caf\xe9"]}', 'latin1') },
      error: /answered 200 with what is not JSON \(The encoded data was not valid/,
    },
    {
      name: 'no content',
      reply: { status: 204 },
      error: /answered 204; check path and query/,
    },
    {
      name: 'a page without end',
      reply: { body: Buffer.alloc(51 * 1024 * 1024, ' ') },
      error: /the page has more than 52428800 bytes; ask for smaller pages/,
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
      error: /page=2 answered page 1 again as page 2; the API would repeat it for ever: check the source's paging$/,
    },
    {
      name: 'a page that repeats for ever, each time with a new date around it',
      reply: { body: { rows: [day(1)] } },
      changing: true,
      error: /answered page 1 again as page 2/,
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
      name: 'a refused key, shown to us',
      reply: { status: 403, body: `{"error": "s3cr3t is unknown", "long": "${'x'.repeat(500)}s3cr3t"}` },
      error: /answered 403: \{"error": "… is unknown", "long": "x{100,}; check the source's secret/,
    },
    {
      name: 'a refused key',
      reply: { status: 401, body: '{"error":"who?"}' },
      error: /answered 401: \{"error":"who\?"\}; check the source's secret/,
    },
    { name: 'an unknown path', reply: { status: 404 }, error: /answered 404; check path and query/ },
  ])('$name ends the run in one line, and nothing is taken for it', async ({ reply, error, more, changing }) => {
    const answer = (nth: number) => (changing ? { body: { ...(reply.body as object), at: nth } } : reply);
    const { extract, items } = await bench((_, nth) => answer(nth), { resource: more });
    const failure = await extract().catch((one: unknown) => one as Error);
    expect(failure).toBeInstanceOf(Error);
    expect((failure as Error).message).toMatch(error);
    expect((failure as Error).message).not.toContain('\n');
    expect((failure as Error).message).not.toContain('s3cr3t');
    expect(items.get('runs|extract#office|fares')).toMatchObject({ run: { status: 'extracting' } });
  });
});

describe('a circle of pages', () => {
  test.each([2, 3, 7])('of %d is found, whatever leads into it', async (length) => {
    const circle = (page: number) => (page < 4 ? page : 4 + ((page - 4) % length));
    const pages = await bench(({ query }, nth) => ({ body: { nth, rows: [day(circle(Number(query.page)))] } }));
    await expect(pages.extract()).rejects.toThrow(
      /answered page \d+ again as page \d+; the API would repeat it for ever/,
    );
    expect(pages.api.got.length).toBeLessThan(4 * (4 + length));

    const cursors = await bench(
      ({ query }) => ({ body: { rows: [], meta: { next: String(circle(Number(query.after ?? 1) + 1)) } } }),
      { resource: { paging: CURSOR } },
    );
    await expect(cursors.extract()).rejects.toThrow(/answered page \d+ again as page \d+/);
    expect(cursors.api.got.length).toBeLessThan(4 * (4 + length));
  });

  test('is none when pages differ by no more than digits that JSON.parse rounds away', async () => {
    const row = (id: string) => ({ body: `{"rows": [{"day": "2026-01-01", "id": ${id}}]}` });
    const replies = [row('9007199254740992'), row('9007199254740993'), { body: { rows: [] } }];
    const { extract } = await bench((_, nth) => replies[nth - 1]);
    expect(await extract()).toMatchObject({ status: 'extracted', pages: 3, records: 2 });
  });
});

test('another host gets nothing, neither by a redirect nor by a cursor that is its URL', async () => {
  const stranger = await api(() => ({ body: { rows: [] } }));
  const redirecting = await bench(() => ({ status: 307, headers: { Location: `${stranger.url}/fares` } }));
  await expect(redirecting.extract()).rejects.toThrow(/a redirect to http:\/\/127/);
  const cursors = await bench(
    ({ query }) => ({ body: { rows: [], meta: { next: query.after ? null : `${stranger.url}/fares` } } }),
    { resource: { paging: CURSOR } },
  );
  expect(await cursors.extract()).toMatchObject({ status: 'extracted', pages: 2 });
  expect(cursors.api.got[1].query.after).toBe(`${stranger.url}/fares`);
  expect(stranger.got).toEqual([]);
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
