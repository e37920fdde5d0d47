import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { FirehoseClient } from '@aws-sdk/client-firehose';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { makeHandler } from '../lambdas/collect-events';
import { column, contract, fake, noSleep, platform } from './lambdas/fakes';
import { request } from './lambdas/collect-events/request';
import { ROOT } from './lib/links';

/** The snippet of docs/guides/events.md on a page of ours, before the collector itself. */

const KEY = 'a-key-of-the-shop-0001';
const ORIGIN = 'https://shop.example.com';
const source = readFileSync(join(ROOT, 'docs/snippets/events.js'), 'utf8');

type Fields = Record<string, unknown>;
interface Init {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

function page() {
  const stored: Fields[] = [];
  const collector = makeHandler({
    env: { STREAM_NAME: 'stream', WRITE_KEYS: '{"clicks":"arn"}' },
    platform: () =>
      platform({
        contracts: [
          contract({
            dataset: 'clicks',
            key: ['event_id'],
            columns: [column('event_id', { name: 'varchar', length: 36 })],
          }),
        ],
        sources: [
          { kind: 'collector', name: 'clicks', dataset: 'clicks', access: { kind: 'write_key', origins: [ORIGIN] } },
        ],
      }),
    firehose: fake(new FirehoseClient({ region: 'us-east-1' }), {
      PutRecordBatch: ({ Records }: { Records: { Data: Uint8Array }[] }) => {
        for (const { Data } of Records) {
          stored.push((JSON.parse(Buffer.from(Data).toString()) as { event: Fields }).event);
        }
        return { FailedPutCount: 0 };
      },
    }),
    secrets: fake(new SecretsManagerClient({ region: 'us-east-1' }), {
      GetSecretValue: () => ({ SecretString: JSON.stringify({ keys: [KEY] }) }),
    }),
    sleep: noSleep,
    now: () => new Date(),
  });
  const call = async (url: string, headers: Record<string, string>, body: string) => {
    const queryStringParameters = Object.fromEntries(new URL(url).searchParams);
    const pathParameters = { dataset: new URL(url).pathname.split('/').at(-1) };
    const answer = await collector(
      request({ headers: { ...headers, Origin: ORIGIN }, queryStringParameters, pathParameters, body }),
    );
    return new Response(answer.body, { status: answer.statusCode });
  };

  const browser = {
    /** What becomes of the next requests; without one, the collector answers. */
    fails: [] as ((arrived: Promise<Response>) => Promise<Response>)[],
    /** Whether beacons are taken. */
    beacons: true,
    warned: [] as unknown[][],
  };
  const arrivals: Promise<Response>[] = [];
  let tick: () => Promise<void> = () => Promise.resolve();
  const listeners: Record<string, () => void> = {};
  const fetched = (url: string, { method, headers, body }: Init) => {
    expect(method).toBe('POST');
    const arrived = call(url, headers, body);
    return browser.fails.shift()?.(arrived) ?? arrived;
  };
  const context = createContext({
    fetch: fetched,
    navigator: {
      sendBeacon: (url: string, body: string) => {
        if (browser.beacons) arrivals.push(call(url, { 'Content-Type': 'text/plain;charset=UTF-8' }, body));
        return browser.beacons;
      },
    },
    crypto: globalThis.crypto,
    console: { warn: (...told: unknown[]) => browser.warned.push(told) },
    setInterval: (flush: () => Promise<void>) => (tick = flush),
    addEventListener: (name: string, listener: () => void) => (listeners[name] = listener),
  });
  const options = { url: 'https://x.example/dev/events/clicks', writeKey: KEY, common: { session_id: 's' } };
  runInContext(source, context);
  const track = runInContext(`moraineEvents(${JSON.stringify(options)})`, context) as (t: string, f?: object) => void;
  const leave = async () => {
    listeners.pagehide();
    return (await Promise.all(arrivals)).map(({ status }) => status);
  };
  const ids = () => stored.map(({ event_id }) => event_id);
  return { browser, stored, ids, track, tick: () => tick(), leave };
}

it('is short', () => {
  expect(source.split('\n').length).toBeLessThanOrEqual(40);
});

it('sends what happened in one request, each event with an id, a time and what all have in common', async () => {
  const { track, tick, stored } = page();
  track('page_view', { page_url: '/a' });
  track('search');
  await tick();
  expect(stored).toEqual([
    {
      event_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      event_type: 'page_view',
      occurred_at: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      session_id: 's',
      page_url: '/a',
    },
    expect.objectContaining({ event_type: 'search' }),
  ]);
  await tick();
  expect(stored).toHaveLength(2);
});

const unavailable = () => Promise.resolve(new Response('', { status: 503 }));
const broken = () => Promise.reject(new TypeError('Failed to fetch'));

it.each([
  ['a 503', unavailable],
  ['a 429', () => Promise.resolve(new Response('', { status: 429 }))],
  ['no answer', broken],
])('sends again after %s, under the same ids, the oldest first', async (_, fail) => {
  const { browser, track, tick, ids } = page();
  browser.fails.push(async (arrived) => {
    // It arrived all the same, as it may.
    await arrived;
    return fail();
  });
  track('page_view');
  await tick();
  track('search');
  await tick();
  expect(ids()).toHaveLength(3);
  expect(ids()[1]).toBe(ids()[0]);
  expect(new Set(ids()).size).toBe(2);
});

it('does not send again what would be refused again, and says so', async () => {
  const { browser, track, tick, ids } = page();
  browser.fails.push(() => Promise.resolve(new Response('why', { status: 400 })));
  track('page_view');
  await tick();
  await tick();
  expect(browser.warned).toEqual([['Events refused', 400, 'why']]);
  // The first one arrived, the page does not try it again.
  expect(ids()).toHaveLength(1);
});

it('sends what is left by beacons when the page goes', async () => {
  const { track, leave, tick, ids } = page();
  for (let i = 0; i < 120; i++) track('scroll');
  expect(await leave()).toEqual([202, 202, 202]);
  await tick();
  expect(new Set(ids()).size).toBe(120);
  expect(ids()).toHaveLength(120);
});

it('sends by a beacon what is under way, too, for its request may be cut off', async () => {
  const { browser, track, leave, tick, ids } = page();
  browser.fails.push(() => new Promise(() => undefined));
  track('page_view');
  void tick();
  expect(await leave()).toEqual([202]);
  expect(new Set(ids()).size).toBe(1);
});

it('keeps what no beacon took: the page may come back', async () => {
  const { browser, track, leave, tick, ids } = page();
  browser.beacons = false;
  track('page_view');
  expect(await leave()).toEqual([]);
  await tick();
  expect(ids()).toHaveLength(1);
});
