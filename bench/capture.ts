import { GetTableCommand, GlueClient } from '@aws-sdk/client-glue';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { databaseName } from '../lambdas/shared/platform';
import { portsFrom } from '../local/options';
import { credentials, REGION, tell } from '../local/parts';
import { connectionOf } from '../local/postgres';
import { ROOT } from '../local/toolchain';
import { growth, memoryOf } from './shared/memory';

/**
 * How many changes a second come from a commit in the source into bronze, and what a million of them does to each part's
 * memory: `npm run local` with its resident merge running beside, a table updated in transactions of 10,000 rows.
 * `--changes=N` in all (default 1,000,000), in ten rounds; each is over when Firehose has delivered everything.
 * Limits: 10,000 changes a second, the median of the rounds; the memory of each part at the end is within a quarter of what
 * it was at half time. Fails, too, when bronze has other than so many rows more.
 */
const SPEED = 10_000;
const GROWTH = 1.25;
const ROUNDS = 10;
const TRANSACTION = 10_000;
const PORT = 4740;
/** The table that is changed, of the sample company. */
const [DATABASE, TABLE] = ['operations', 'order_items'];
const UPDATE = `update order_items set quantity = 1 + quantity % 5 where ctid in (select ctid from order_items limit ${TRANSACTION})`;

const changes = Number(process.argv.find((arg) => arg.startsWith('--changes='))?.split('=')[1] ?? 1_000_000);
const { emulator, source } = portsFrom(PORT);
const endpoint = `http://127.0.0.1:${emulator}`;

/** How many rows bronze has, by its newest commit: nothing but appends happens here, so that it is the last one. */
async function rowsInBronze(): Promise<number> {
  const glue = new GlueClient({ endpoint, region: REGION, credentials });
  const { Table } = await glue.send(
    new GetTableCommand({ DatabaseName: databaseName('local', 'bronze'), Name: TABLE }),
  );
  const [bucket, ...key] = (Table?.Parameters?.metadata_location ?? '').replace('s3://', '').split('/');
  const s3 = new S3Client({ endpoint, region: REGION, credentials, forcePathStyle: true });
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key.join('/') }));
  const metadata = JSON.parse((await Body?.transformToString()) ?? '{}') as {
    snapshots?: { summary: Record<string, string> }[];
  };
  return Number(metadata.snapshots?.at(-1)?.summary['total-records'] ?? 0);
}

/** @returns changes a second */
async function round(client: pg.Client, wanted: number): Promise<number> {
  const begun = performance.now();
  for (let done = 0; done < wanted;) {
    const { rowCount } = await client.query(UPDATE);
    if (rowCount !== TRANSACTION) throw new Error(`${TABLE} has ${rowCount ?? 0} rows, fewer than ${TRANSACTION}`);
    done += TRANSACTION;
  }
  await tell(endpoint, 'flush');
  return wanted / ((performance.now() - begun) / 1000);
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function measure(pid: number): Promise<number> {
  const each = (Math.ceil(changes / ROUNDS / TRANSACTION) || 1) * TRANSACTION;
  const client = new pg.Client({ connectionString: connectionOf(source, DATABASE) });
  await client.connect();
  const before = await rowsInBronze();
  const speeds: number[] = [];
  const memories: Readonly<Record<string, number>>[] = [];
  for (let at = 1; at <= ROUNDS; at += 1) {
    speeds.push(await round(client, each));
    memories.push(memoryOf(pid));
    console.log(`round ${at}: ${each} changes, ${speeds[at - 1].toFixed(0)} a second into bronze`);
  }
  await client.end();
  const come = (await rowsInBronze()) - before;
  if (come !== ROUNDS * each) throw new Error(`bronze has ${come} rows more, and ${ROUNDS * each} were changed`);
  const grown = growth(memories);
  for (const { line } of grown) console.log(line);
  const worst = Math.max(...grown.map(({ ratio }) => ratio));
  console.log(`${come} changes: ${median(speeds).toFixed(0)} a second into bronze, the median of ${ROUNDS} rounds`);
  console.log(`capture-speed ratio ${(SPEED / median(speeds)).toFixed(2)} (of ${SPEED} a second, inverted)`);
  console.log(`capture-memory ratio ${(worst / GROWTH).toFixed(2)} (of ${GROWTH} times)`);
  return median(speeds) < SPEED || worst > GROWTH ? 1 : 0;
}

void (async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'moraine-bench-'));
  chmodSync(scratch, 0o755); // PostgreSQL does not run as root
  const args = ['--changes', '0', '--port', `${PORT}`, '--orders', '20000', '--state', join(scratch, 'state')];
  const child = spawn(process.execPath, ['--import', 'tsx', 'local/run.ts', ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  try {
    let ready = false;
    for await (const line of createInterface(child.stdout)) {
      console.log(line);
      ready = line.includes('Ctrl-C stops all');
      if (ready) break;
    }
    if (!ready) throw new Error('npm run local has ended');
    child.stdout.resume();
    process.exitCode = await measure(child.pid ?? 0);
  } finally {
    child.kill('SIGINT');
    await ended;
    rmSync(scratch, { recursive: true, force: true });
  }
})();
