import type { FirehoseTransformationEvent } from 'aws-lambda';
import { makeHandler } from '../lambdas/transform-changes';
import type { Column, ColumnType, Contract } from '../lambdas/shared/contract';
import type { DatabaseSource } from '../lambdas/shared/source';

/**
 * The transform of changes on one core: records of about 600 bytes with ten columns, as DMS writes them, in events of a
 * mebibyte, the median of five rounds after one to warm up. Every tenth record moves a row to another key, every tenth
 * has a number that a double would change. Limit: 20,000 records/s.
 */
const LIMIT = 20_000;
const ROUNDS = 5;
const RECORDS = 40_000;
const PER_EVENT = 1_700;

const column = (name: string, type: ColumnType): Column => ({
  name,
  type,
  required: name === 'id',
  classification: 'internal',
  description: '',
  previousNames: [],
});

const contract: Contract = {
  dataset: 'rows',
  version: '1.0.0',
  description: '',
  domain: '',
  owner: '',
  columns: [
    column('id', { name: 'bigint' }),
    column('parent_id', { name: 'bigint' }),
    column('day', { name: 'date' }),
    column('status', { name: 'varchar', length: 20 }),
    column('amount', { name: 'decimal', precision: 12, scale: 2 }),
    column('currency', { name: 'varchar', length: 3 }),
    column('is_open', { name: 'boolean' }),
    column('note', { name: 'varchar', length: 200 }),
    column('created_at', { name: 'timestamptz' }),
    column('updated_at', { name: 'timestamptz' }),
  ],
  key: ['id'],
  bucketCount: 16,
};

const source: DatabaseSource = {
  kind: 'database',
  name: 'bench',
  engine: 'postgres',
  database: 'bench',
  schema: 'public',
  datasets: ['rows'],
  capture: {},
};

function recordText(i: number): string {
  const id = i % 10 === 1 ? `90071992547${String(i).padStart(8, '0')}` : String(i);
  const before = i % 10 === 2 ? `{"id":${i + 1}}` : '{}';
  const lsn = `00000002/${(0x7c000000 + 8 * i).toString(16).toUpperCase()}`;
  return (
    `{"data":{"id":${id},"parent_id":${i % 977},"day":"2026-01-31","status":"delivered","amount":${i % 9973}.25,` +
    `"currency":"EUR","is_open":"false","note":"Left with neighbour ${i}","created_at":"2026-01-31T12:00:00.123456Z",` +
    `"updated_at":"2026-01-31T13:00:00.654321Z"},"before-image":${before},"metadata":{` +
    `"timestamp":"2026-01-31T13:00:01.983670Z","record-type":"data","operation":"update",` +
    `"partition-key-type":"schema-table","schema-name":"public","table-name":"rows","stream-position":"${lsn}.3.${lsn}",` +
    `"transaction-id":${1139 + i},"transaction-record-id":1,"commit-timestamp":"2026-01-31T13:00:01.974340Z"}}`
  );
}

const texts = Array.from({ length: RECORDS }, (_, i) => recordText(i));
const events = Array.from({ length: Math.ceil(RECORDS / PER_EVENT) }, (_, e) => ({
  records: texts.slice(e * PER_EVENT, (e + 1) * PER_EVENT).map((text, i) => ({
    recordId: `${e}-${i}`,
    data: Buffer.from(text).toString('base64'),
    kinesisRecordMetadata: { shardId: 'shardId-000000000000', sequenceNumber: `4966397875886831193${e}${i}` },
  })),
})) as FirehoseTransformationEvent[];

async function main(): Promise<void> {
  const print = console.log.bind(console);
  console.log = () => undefined;
  const handler = makeHandler({
    env: { ENVIRONMENT: 'bench', SOURCE: 'bench' },
    platform: () => ({ environment: 'bench', contracts: [contract], sources: [source], endpoints: [] }),
    now: () => new Date(),
  });
  const seconds: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const begun = process.cpuUsage();
    for (const event of events) {
      const { records } = await handler(event);
      const lost = records.find(({ result }) => result !== 'Ok');
      if (lost) throw new Error(`Record ${lost.recordId} came back ${lost.result}; all are to be Ok`);
    }
    const { user, system } = process.cpuUsage(begun);
    if (round > 0) seconds.push((user + system) / 1e6);
  }
  seconds.sort((a, b) => a - b);
  const median = seconds[Math.floor(ROUNDS / 2)];
  const rate = RECORDS / median;
  const bytes = texts.reduce((sum, text) => sum + text.length, 0);
  print(
    `${RECORDS} records of ${Math.round(bytes / RECORDS)} bytes: median ${median.toFixed(2)} s of CPU time of ${ROUNDS} ` +
      `(${seconds.map((each) => each.toFixed(2)).join(', ')}), ${Math.round(rate)} records/s, ${(bytes / 1e6 / median).toFixed(1)} MB/s`,
  );
  print(`transform ratio ${(LIMIT / rate).toFixed(2)} (of ${LIMIT} records/s on one core)`);
  if (rate < LIMIT) process.exitCode = 1;
}

void main();
