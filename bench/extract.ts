import { fork, type ChildProcess } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { makeHandler } from '../lambdas/extract-rest';
import type { RestSource } from '../lambdas/shared/rest-source';
import { sleep } from '../lambdas/shared/retry';
import { fakeDynamo } from '../test/lambdas/fake-dynamo';

/**
 * The extractor's handler on an HTTP server of this machine: 200,000 records in pages of 1,000, and a quarter of them,
 * each in a process of its own, the median of three. What it would send to S3 is made (gzip) and thrown away. Limits:
 * the 88,000 records/s that dlt 1.31 extracts, and memory that does not grow with the number of pages (a fifth at most).
 */
const PAGES = [50, 200];
const PER_PAGE = 1000;
const PEER = 88_000;
const GROWTH = 1.2;
const RUNS = 3;

const source: RestSource = {
  kind: 'rest',
  name: 'bench',
  authentication: { kind: 'none' },
  resources: [
    {
      dataset: 'records',
      path: '/records',
      records: '$.data[*]',
      paging: { kind: 'page', parameter: 'page' },
      increment: { parameter: 'since', field: '$.updated_at', start: '2026-01-01' },
    },
  ],
};

interface Measured {
  readonly seconds: number;
  readonly records: number;
  /** The most bytes that the process had in memory. */
  readonly memory: number;
}

/** What a server says when it is ready: its port, and the bytes of all its pages. */
interface Ready {
  readonly port: number;
  readonly bytes: number;
}

/** Serves so many pages of records of about 150 bytes. */
function serve(pages: number): void {
  const page = (number: number): string => {
    const records = Array.from({ length: number > pages ? 0 : PER_PAGE }, (_, i) => {
      const id = number * PER_PAGE + i;
      return `{"id":${id},"name":"Record ${id}","status":"open","amount":${id % 9973}.25,"currency":"EUR","tags":["a","b"],"updated_at":"2026-01-31T12:00:00Z"}`;
    });
    return `{"page":${number},"data":[${records.join(',')}]}`;
  };
  const ready = Array.from({ length: pages + 1 }, (_, i) => page(i + 1));
  const server = createServer((request, response) => {
    const number = Number(new URL(request.url ?? '', 'http://localhost').searchParams.get('page'));
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(ready[number - 1]);
  });
  const bytes = ready.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port, bytes }));
}

async function extract(url: string): Promise<Measured> {
  console.log = () => undefined;
  const away = <C extends object>(client: C): C => Object.assign(client, { send: () => Promise.resolve({}) });
  const handler = makeHandler({
    env: {
      LANDING_BUCKET: 'b',
      LANDING_PREFIX: 'p/',
      RUNS_TABLE: 't',
      API_URLS: `{"bench":"${url}"}`,
      API_SECRETS: '{}',
    },
    platform: () => ({ environment: 'bench', contracts: [], sources: [source], endpoints: [] }),
    s3: away(new S3Client({ region: 'us-east-1' })),
    secrets: away(new SecretsManagerClient({ region: 'us-east-1' })),
    runs: fakeDynamo().client,
    fetch,
    sleep,
    now: () => new Date(),
  });
  const begun = performance.now();
  const { records } = await handler({ action: 'extract', source: 'bench', dataset: 'records', runId: 'bench' });
  const seconds = (performance.now() - begun) / 1000;
  return { seconds, records, memory: process.resourceUsage().maxRSS * 1024 };
}

const child = (...args: string[]): ChildProcess =>
  fork(__filename, args, { execArgv: [...process.execArgv, '--no-warnings'] });
const said = (from: ChildProcess): Promise<unknown> =>
  new Promise((done, failed) => from.once('message', done).once('exit', () => failed(new Error('a part ended early'))));

async function main(): Promise<void> {
  const found: Measured[] = [];
  for (const pages of PAGES) {
    const server = child('serve', String(pages));
    const { port, bytes } = (await said(server)) as Ready;
    const url = `http://127.0.0.1:${port}`;
    const all: Measured[] = [];
    for (let i = 0; i < RUNS; i += 1) all.push((await said(child('extract', url))) as Measured);
    server.kill();
    all.sort((a, b) => a.seconds - b.seconds);
    const { seconds, records } = all[Math.floor(RUNS / 2)];
    const memory = Math.max(...all.map((one) => one.memory));
    found.push({ seconds, records, memory });
    console.log(
      `${records} records in ${pages} pages: ${seconds.toFixed(2)} s, ${Math.round(records / seconds)} records/s, ${(bytes / 1e6 / seconds).toFixed(1)} MB/s, memory at most ${Math.round(memory / 2 ** 20)} MiB`,
    );
  }
  const [few, many] = found;
  const speed = (PEER * many.seconds) / many.records;
  const growth = many.memory / few.memory;
  console.log(`extract-speed ratio ${speed.toFixed(2)} (dlt's ${PEER} records/s over ours)`);
  console.log(`extract-memory ratio ${growth.toFixed(2)} (of four times the pages)`);
  if (speed > 1 || growth > GROWTH) {
    console.error(`The ratios are ${speed.toFixed(2)} and ${growth.toFixed(2)}; at most 1 and ${GROWTH} are allowed`);
    process.exitCode = 1;
  }
}

const [role, argument] = process.argv.slice(2);
if (role === 'serve') serve(Number(argument));
else if (role === 'extract') void extract(argument).then((measured) => process.send?.(measured));
else void main();
