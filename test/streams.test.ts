import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import {
  InvokeCommand,
  LambdaClient,
  paginateListFunctions,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  type FunctionConfiguration,
} from '@aws-sdk/client-lambda';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListBucketsCommand,
  paginateListObjectsV2,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { environment } from '../config';
import type { Platform } from '../lambdas/shared/platform';
import { isCaptured } from '../lambdas/shared/source';
import { bundle } from '../lib/bundles';
import { readDeclarations } from '../lib/declarations';
import { credentials, REGION } from '../local/parts';
import { venv } from '../local/toolchain';
import { sources } from '../sources';
import { freePort, killAll, scratchFolder, startRun, type Run } from './local-run';

/**
 * Changes of the source's databases, captured while they happen: PostgreSQL's own log, the local DMS, Firehose with the
 * deployed transform, the resident merge. A run is killed; in the next one the transform is spoiled in three ways and
 * mended, and what became no row is brought back by `npm run ops -- replay`; a table is loaded anew meanwhile
 * (`npm run ops -- reload`): in the end every row is as if none of that had ever been.
 */

const ROOT = join(__dirname, '..');
const [captured] = sources.filter(isCaptured);
const AGE = /age of the newest row: .* s in silver, .* s in gold/;
const state = scratchFolder();
const port = freePort();
const aws = { endpoint: `http://127.0.0.1:${port + 1}`, region: REGION, credentials };
const lambda = new LambdaClient(aws);
const s3 = new S3Client({ ...aws, forcePathStyle: true });

afterAll(async () => {
  await killAll();
  rmSync(state, { recursive: true, force: true });
});

/** The function that makes rows of a source's changes. */
async function transform(): Promise<FunctionConfiguration> {
  for await (const { Functions } of paginateListFunctions({ client: lambda }, {})) {
    const found = Functions?.find(
      ({ Description, Environment }) =>
        Description === 'lambdas/transform-changes' && Environment?.Variables?.SOURCE === captured.name,
    );
    if (found) return found;
  }
  throw new Error(`No function lambdas/transform-changes of ${captured.name}`);
}

async function errorsBucket(): Promise<string | undefined> {
  const { Buckets } = await s3.send(new ListBucketsCommand({}));
  return Buckets?.find(({ Name }) => Name?.includes('storageerrors'))?.Name;
}

/** Keys of objects of the errors bucket below a prefix. */
async function errors(prefix: string): Promise<string[]> {
  const Bucket = await errorsBucket();
  const keys: string[] = [];
  for await (const { Contents } of paginateListObjectsV2({ client: s3 }, { Bucket, Prefix: prefix })) {
    keys.push(...(Contents ?? []).map(({ Key = '' }) => Key));
  }
  return keys;
}

/** `npm run ops -- <command> --source …`. */
function ops(command: string, ...more: string[]): { code: number | null; told: string } {
  const tsx = join(ROOT, 'node_modules', 'tsx', 'dist', 'cli.mjs');
  const args = [tsx, 'scripts/ops.ts', command, '--source', captured.name, '--port', `${port}`, ...more];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  return { code: status, told: (stdout + stderr).trim() };
}

/**
 * What Firehose would have written had a table refused the rows of these objects: the rows that the transform makes of
 * their records, in place of the records.
 */
async function refuseRows(keys: readonly string[], FunctionName: string | undefined): Promise<void> {
  const Bucket = await errorsBucket();
  for (const Key of keys) {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
    const lines = ((await Body?.transformToString()) ?? '').trim().split('\n');
    const records = lines.map((line, i) => ({
      recordId: `${i}`,
      data: (JSON.parse(line) as { rawData: string }).rawData,
      kinesisRecordMetadata: { shardId: 'shardId-000000000000', sequenceNumber: `${i}`, subsequenceNumber: 0 },
    }));
    const Payload = Buffer.from(JSON.stringify({ records }));
    const answer = await lambda.send(new InvokeCommand({ FunctionName, Payload }));
    const made = JSON.parse(Buffer.from(answer.Payload ?? []).toString()) as { records: { data: string }[] };
    const refused = made.records.map(({ data }) => JSON.stringify({ rawData: data, errorCode: 'Iceberg.NoSuchTable' }));
    const to = Key.replace('processing-failed', 'iceberg-failed');
    await s3.send(new PutObjectCommand({ Bucket, Key: to, Body: refused.join('\n') }));
    await s3.send(new DeleteObjectCommand({ Bucket, Key }));
  }
}

/** A zip of the transform's bundle, made with these declarations. */
function zipped(platform: Platform): Uint8Array {
  const zip = join(state, 'transform.zip');
  const { status, stderr } = spawnSync(venv('python'), ['-m', 'zipfile', '-c', zip, 'index.js'], {
    cwd: bundle(platform, 'transform-changes'),
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return readFileSync(zip);
}

/** Declarations by which texts have one character at most. */
const strict = (platform: Platform): Platform => ({
  ...platform,
  environment: 'strict',
  contracts: platform.contracts.map((contract) => ({
    ...contract,
    columns: contract.columns.map((one) =>
      one.type.name === 'varchar' ? { ...one, type: { ...one.type, length: 1 } } : one,
    ),
  })),
});

const matching = (pattern: RegExp): string => expect.stringMatching(pattern) as string;

const start = (...more: string[]): Run =>
  startRun(['--orders', '500', '--changes', '50', '--port', `${port}`, '--state', state, ...more]);
let run: Run;

test('killed while changes run, the next run goes on with them', async () => {
  const first = start();
  await first.until(AGE);
  await first.kill();
  run = start('--exit', '--live', '180');
  await run.until(AGE);
}, 600_000);

test('what became no row comes back, row by row, whichever way it went wrong', async () => {
  const { FunctionName, Environment } = await transform();
  const below = `changes/${captured.name}`;
  const use = (more: object) =>
    lambda.send(
      new UpdateFunctionConfigurationCommand({
        FunctionName,
        Environment: { Variables: { ...Environment?.Variables, ...more } },
      }),
    );
  /** Lets the transform fail until its records lie in the errors bucket. */
  const spoil = async () => {
    await use({ SOURCE: 'no-such-source' });
    while ((await errors(`${below}/processing-failed/`)).length === 0) await pause(500);
    await use({});
    await pause(3000); // what is under way comes to its end
  };
  await spoil();
  await refuseRows(await errors(`${below}/`), FunctionName);
  await spoil();

  const platform = readDeclarations({ environment: environment('local'), sources });
  const deploy = (declared: Platform) =>
    lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile: zipped(declared) }));
  await deploy(strict(platform));
  await pause(8000);
  await deploy(platform);
  await pause(3000);

  expect(ops('replay', '--dry-run')).toEqual({
    code: 0,
    told: matching(/^[1-9][\d,]* records of .* would be replayed/),
  });
  expect(ops('replay')).toEqual({
    code: 0,
    told: matching(/^gathering .*\n[1-9][\d,]* records of .* objects replayed/),
  });
  expect(await errors(`${below}/`)).toEqual([]);
  const replayed = (await errors(`replayed/${below}/`)).map((key) => key.split('/')[3]);
  expect(new Set(replayed)).toEqual(new Set(['again', 'iceberg-failed', 'processing-failed']));
  // Until they are in bronze they lie in quarantine alone, and would be gathered again.
  while (!ops('replay').told.includes('Nothing to replay of ')) await pause(1000);
}, 900_000);

test('a table is loaded anew while its stream runs', () => {
  const [dataset] = captured.datasets;
  const { code, told } = ops('reload', '--dataset', dataset);
  expect({ code, told }).toEqual({ code: 0, told: matching(/ of db:\S+ is taken\nexport \S+ complete\n/) });
  expect(told).toContain(`load_snapshot ${dataset} (`);
  expect(told).not.toContain(`load_snapshot ${captured.datasets[1]} (`);
  expect(told).toMatch(new RegExp(`\n${dataset} loaded anew from snapshot moraine-local-reload-[0-9-]+$`));
}, 300_000);

test('silver follows the source while changes run, and after them every row is where it belongs', async () => {
  const { code, lines } = await run.ended;
  expect({ code, lines: code === 0 ? [] : lines }).toEqual({ code: 0, lines: [] });
  const told = lines.join('\n');
  expect(told).toContain('silver follows the source');
  for (const dataset of sources.filter(isCaptured).flatMap((source) => source.datasets)) {
    expect(told).toMatch(
      new RegExp(`${dataset}: [\\d,]+ rows in source, [\\d,]+ in silver, [\\d,]+ on their way, 0 differ`),
    );
  }
  const changed = Number(/([\d,]+) rows have changed/.exec(told)?.[1].replaceAll(',', ''));
  expect(changed).toBeGreaterThan(500);
  // At the end of the load, and once more after the changes: gold too.
  expect(told.match(/source = silver = gold, row by row/g)).toHaveLength(2);
}, 600_000);
