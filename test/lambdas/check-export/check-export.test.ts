import { RDSClient } from '@aws-sdk/client-rds';
import { S3Client } from '@aws-sdk/client-s3';
import { makeHandler } from '../../../lambdas/check-export';
import { body, fake, platform } from '../fakes';
import { fakeDynamo } from '../fake-dynamo';

beforeEach(() => jest.spyOn(console, 'log').mockImplementation(() => undefined));

const started = {
  source: 'operations',
  exportId: 'x-1',
  snapshotId: 'rds:s',
  position: '0000.00000000000000000000000001.00000000000000000000',
  committedAt: '2026-11-20T04:05:06.000Z',
};
const sources = [
  {
    kind: 'database',
    name: 'operations',
    engine: 'postgres',
    database: 'shop',
    schema: 'public',
    datasets: ['orders', 'items'],
  },
] as const;
const info = (...tables: [string, string][]) =>
  JSON.stringify({
    perTableStatus: tables.map(([target, status]) => ({ target, status, schemaMetadata: {}, sizeGB: 1 })),
  });
const root = 'exports/x-1/';
const whole = {
  [`${root}export_info_x-1.json`]: '{}',
  [`${root}export_tables_info_x-1_from_1_to_1.json`]: info(['shop.public.orders', 'COMPLETE']),
  [`${root}export_tables_info_x-1_from_2_to_2.json`]: info(['shop.public.items', 'COMPLETE']),
  [`${root}shop/public.orders/1/part-00000-a-c000.gz.parquet`]: 'PAR1',
  [`${root}shop/public.orders_old/1/part-00000-a-c000.gz.parquet`]: 'PAR1',
  [`${root}shop/public.items/1/part-00007-b-c000.gz.parquet`]: 'PAR1',
};

function run(status: string | undefined, files: Record<string, string>, more: object = {}) {
  const rds = fake(new RDSClient({ region: 'us-east-1' }), {
    DescribeExportTasks: () => ({
      ExportTasks: status ? [{ ExportTaskIdentifier: 'x-1', Status: status, ...more }] : [],
    }),
  });
  const s3 = fake(new S3Client({ region: 'us-east-1' }), {
    ListObjectsV2: ({ Prefix, ContinuationToken }: { Prefix: string; ContinuationToken?: string }) => {
      const keys = Object.keys(files)
        .filter((Key) => Key.startsWith(Prefix))
        .sort();
      const at = Number(ContinuationToken ?? 0);
      return {
        Contents: keys.slice(at, at + 1).map((Key) => ({ Key })),
        IsTruncated: at + 1 < keys.length,
        NextContinuationToken: at + 1 < keys.length ? String(at + 1) : undefined,
      };
    },
    GetObject: ({ Key }: { Key: string }) => body(files[Key]),
  });
  const dynamo = fakeDynamo();
  const env = { LANDING_BUCKET: 'landing', EXPORT_PREFIX: 'exports/', RUNS_TABLE: 'runs' };
  const handler = makeHandler({
    env,
    platform: () => platform({ sources }),
    rds,
    s3,
    runs: dynamo.client,
    now: () => new Date(0),
  });
  return { dynamo, answer: handler({ ...started, status: 'running', tables: [] }) };
}

it('says that it still runs', async () => {
  await expect(run('IN_PROGRESS', {}).answer).resolves.toEqual({ ...started, status: 'running', tables: [] });
});

it('lists the tables of all info files when it is complete', async () => {
  const { answer, dynamo } = run('COMPLETE', whole);
  const { position, committedAt } = started;
  const common = { export: 's3://landing/exports/x-1/', exportId: 'x-1', position, committedAt, complete: true };
  await expect(answer).resolves.toEqual({
    ...started,
    status: 'complete',
    tables: [
      { dataset: 'orders', table: 'shop/public.orders', ...common },
      { dataset: 'items', table: 'shop/public.items', ...common },
    ],
  });
  expect(dynamo.all()).toEqual([expect.objectContaining({ pk: 'export#operations', sk: 'rds:s', status: 'complete' })]);
});

it('passes on a complete table that has no file: the load knows whether that can be', async () => {
  const files = Object.fromEntries(Object.entries(whole).filter(([key]) => !key.includes('items/')));
  await expect(run('COMPLETE', files).answer).resolves.toMatchObject({
    tables: [{ dataset: 'orders' }, { dataset: 'items', table: 'shop/public.items', complete: true }],
  });
});

it.each<[string, string | undefined, Record<string, string>, string]>([
  ['it failed', 'FAILED', {}, 'Export x-1 failed: The role may not write. The next run starts it anew.'],
  ['it was cancelled', 'CANCELED', {}, 'Export x-1 was cancelled'],
  ['RDS does not know it', undefined, {}, 'RDS knows no export x-1'],
  ['RDS says something new', 'PAUSED', {}, 'Export x-1 has the unknown status PAUSED'],
  [
    'it is complete and empty',
    'COMPLETE',
    Object.fromEntries(Object.entries(whole).filter(([key]) => key.endsWith('.json'))),
    'Export x-1 says that it is complete, and there is no Parquet file below s3://landing/exports/x-1/',
  ],
  [
    'it lacks a table',
    'COMPLETE',
    { ...whole, [`${root}export_tables_info_x-1_from_2_to_2.json`]: info() },
    'Export x-1 is not whole: shop.public.items is not in it. RDS leaves out a table',
  ],
  [
    'a table is not complete',
    'COMPLETE',
    { ...whole, [`${root}export_tables_info_x-1_from_1_to_1.json`]: info(['shop.public.orders', 'FAILED']) },
    'shop.public.orders is FAILED',
  ],
])('fails when %s', async (_, status, files, message) => {
  const { answer, dynamo } = run(status, files, {
    FailureCause: status === 'FAILED' ? 'The role may not write' : undefined,
  });
  await expect(answer).rejects.toThrow(message);
  expect(dynamo.all()).toEqual([expect.objectContaining({ status: 'failed' })]);
});
