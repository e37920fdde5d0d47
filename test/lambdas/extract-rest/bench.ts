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

/** Paging by a cursor, in place of the page's number. */
export const CURSOR: RestPaging = { kind: 'cursor', parameter: 'after', next: '$.meta.next' };

export const day = (number: number) => ({ day: `2026-01-${String(number).padStart(2, '0')}` });

/** Three days in pages of two. */
export const threeDays = ({ query }: Got): Reply => ({
  body: { rows: [1, 2, 3].map(day).slice((Number(query.page) - 1) * 2, Number(query.page) * 2) },
});

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** A real HTTP server, stopped after the test. */
export async function api(reply: (got: Got, nth: number) => Reply) {
  const started = await startApi(reply);
  stops.push(started.stop);
  return started;
}

interface Options {
  readonly resource?: Partial<RestResource>;
  readonly source?: Partial<RestSource>;
  /** Text of the source's secret. */
  readonly secret?: string;
  /** Between the handler and the API. */
  readonly fetch?: typeof fetch;
  /** Source → URL. @default - the API's */
  readonly urls?: Readonly<Record<string, string>>;
}

interface Lost {
  object: (key: string) => boolean;
  state: (version: number) => boolean;
}

/** The handler on a real API, with AWS faked. */
export async function bench(reply: (got: Got, nth: number) => Reply, options: Options = {}) {
  const server = await api(reply);
  const landed = new Map<string, PutObjectCommandInput>();
  const lost: Lost = { object: () => false, state: () => false };
  const s3 = fake(new S3Client({ region: 'us-east-1' }), {
    PutObject: (input: PutObjectCommandInput) => {
      if (lost.object(String(input.Key))) throw new Error('S3 is away');
      landed.set(String(input.Key), input);
      return {};
    },
  });
  const secrets = fake(new SecretsManagerClient({ region: 'us-east-1' }), {
    GetSecretValue: () => ({ SecretString: options.secret ?? '{"key": "s3cr3t"}' }),
  });
  const { client, items } = fakeDynamo();
  const send = client.send.bind(client) as (command: { input: { Item?: { version: number } } }) => Promise<unknown>;
  Object.assign(client, {
    send: (command: Parameters<typeof send>[0]) =>
      lost.state(command.input.Item?.version ?? 0) ? Promise.reject(new Error('DynamoDB is away')) : send(command),
  });
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
      API_URLS: JSON.stringify(options.urls ?? { office: server.url }),
      API_SECRETS: JSON.stringify({ office: 'moraine/dev/office' }),
    },
    platform: () => platform({ sources: [source] }),
    s3,
    secrets,
    runs: client,
    fetch: options.fetch ?? globalThis.fetch,
    sleep: (milliseconds) => {
      slept.push(milliseconds);
      time += milliseconds;
      return Promise.resolve();
    },
    now: () => new Date(time),
  });
  /** `left`: milliseconds that the call has, at each time that it looks. */
  const call = (action: string, runId: string, left: () => number, more: object = {}) =>
    handler({ action, source: 'office', dataset: 'fares', runId, ...more }, { getRemainingTimeInMillis: left });
  return {
    api: server,
    landed,
    items,
    /** What was slept, in milliseconds; none of it for real. */
    slept,
    /** Which objects and which versions of the state AWS fails to write. */
    lost,
    extract: (runId = 'day-1', left = 900_000) => call('extract', runId, () => left),
    /** A call that has time for so many pages. */
    extractPages: (pages: number, runId = 'day-1') => {
      let looked = 0;
      return call('extract', runId, () => (looked++ < pages ? 900_000 : 0));
    },
    confirm: (run: string, runId = 'day-1') => call('confirm', runId, () => 900_000, { run }),
    ask: (more: object) => call('extract', 'day-1', () => 900_000, more),
    secrets,
    pages: () =>
      [...landed].flatMap(([key, { Body }]) => (key.endsWith('.gz') ? [gunzipSync(Body as Buffer).toString()] : [])),
    /** Moves the clock. */
    advance: (hours: number) => (time += hours * 3_600_000),
  };
}
