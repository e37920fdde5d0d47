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
import { growth, memoryOf, partOf } from './shared/memory';

/**
 * What a million changes does to each part's memory, and how many a second come from a commit in the source into bronze:
 * `npm run local`, a table updated in transactions of 10,000 rows, in rounds that are over when Firehose has delivered
 * everything.
 * `--changes=N` (default 1,000,000) come in ten rounds beside the resident merge, which takes a core of its own. After them
 * the merge stands still, for it is not on the way into bronze, and three rounds of three times that size are timed.
 * Limits: the memory of each part after the ten rounds is within a quarter of what it was at half time; 10,000 changes a
 * second, the median of the three. Fails, too, when bronze has other than so many rows more.
 */
const SPEED = 10_000;
const GROWTH = 1.25;
const ROUNDS = 10;
const TIMED = 3;
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

async function rounds(client: pg.Client, count: number, each: number, after: () => void): Promise<readonly number[]> {
  const speeds: number[] = [];
  for (let at = 1; at <= count; at += 1) {
    speeds.push(await round(client, each));
    after();
    console.log(`round ${at} of ${count}: ${each} changes, ${speeds[at - 1].toFixed(0)} a second into bronze`);
  }
  return speeds;
}

/** Lets the merge stand still. @returns lets it go on; happens, too, when this process ends: what stands can't end */
function rest(pid: number): () => void {
  const spark = partOf(pid, 'spark');
  if (spark.length === 0) throw new Error('no process of spark was found');
  const goOn = (): void => {
    for (const { id } of spark)
      try {
        process.kill(id, 'SIGCONT');
      } catch {
        // it has ended
      }
  };
  process.once('exit', goOn);
  for (const { id } of spark) process.kill(id, 'SIGSTOP');
  console.log('the merge stands still');
  return goOn;
}

async function measure(pid: number): Promise<number> {
  const each = (Math.ceil(changes / ROUNDS / TRANSACTION) || 1) * TRANSACTION;
  const client = new pg.Client({ connectionString: connectionOf(source, DATABASE) });
  await client.connect();
  const before = await rowsInBronze();
  const memories: Readonly<Record<string, number>>[] = [];
  const beside = await rounds(client, ROUNDS, each, () => memories.push(memoryOf(pid)));
  const goOn = rest(pid);
  const alone = await rounds(client, TIMED, 3 * each, () => undefined).finally(goOn);
  await client.end();
  const [come, wanted] = [(await rowsInBronze()) - before, (ROUNDS + 3 * TIMED) * each];
  if (come !== wanted) throw new Error(`bronze has ${come} rows more, and ${wanted} were changed`);
  const grown = growth(memories);
  for (const { line } of grown) console.log(line);
  const worst = Math.max(...grown.map(({ ratio }) => ratio));
  console.log(
    `${come} changes: ${median(beside).toFixed(0)} a second beside the merge, ${median(alone).toFixed(0)} alone`,
  );
  console.log(`capture-speed ratio ${(SPEED / median(alone)).toFixed(2)} (of ${SPEED} a second, inverted)`);
  console.log(`capture-memory ratio ${(worst / GROWTH).toFixed(2)} (of ${GROWTH} times)`);
  return median(alone) < SPEED || worst > GROWTH ? 1 : 0;
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
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      child.kill('SIGINT');
      process.exit(1);
    });
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
