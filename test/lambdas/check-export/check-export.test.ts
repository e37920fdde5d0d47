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

function run(status: string | undefined, files: Record<string, string>, more: object = {}, wanted: object = {}) {
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
  return { dynamo, answer: handler({ ...started, ...wanted, status: 'running', tables: [] }) };
}

it('says that it still runs', async () => {
  await expect(run('IN_PROGRESS', {}).answer).resolves.toEqual({
    ...started,
    status: 'running',
    tables: [],
    skipped: [],
  });
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
    skipped: [],
  });
  expect(dynamo.all()).toEqual([expect.objectContaining({ pk: 'export#operations', sk: 'rds:s', status: 'complete' })]);
});

it('lists the tables that were wanted, and misses no other', async () => {
  const files = { [`${root}export_tables_info_x-1_from_2_to_2.json`]: info(['shop.public.items', 'COMPLETE']) };
  const landed = { ...files, [`${root}shop/public.items/1/part-00007-b-c000.gz.parquet`]: 'PAR1' };
  await expect(run('COMPLETE', landed, {}, { datasets: [{ dataset: 'items' }] }).answer).resolves.toMatchObject({
    tables: [{ dataset: 'items' }],
    skipped: [],
  });
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
])('fails when %s', async (_, status, files, message) => {
  const { answer, dynamo } = run(status, files, {
    FailureCause: status === 'FAILED' ? 'The role may not write' : undefined,
  });
  await expect(answer).rejects.toThrow(message);
  expect(dynamo.all()).toEqual([expect.objectContaining({ status: 'failed' })]);
});

describe('a table that RDS left out', () => {
  const items = `${root}export_tables_info_x-1_from_2_to_2.json`;
  const reason = "column 'a b' has a character that is not supported";

  it.each<[string, object, string]>([
    [
      'with its reason',
      { target: 'shop.public.items', status: 'SKIPPED', warningMessage: reason },
      `SKIPPED in export x-1: ${reason}.`,
    ],
    [
      'without a status',
      { target: 'shop.public.items', warningMessage: { reason: 'TOO_BIG' } },
      'SKIPPED in export x-1: {"reason":"TOO_BIG"}.',
    ],
    ['that failed', { target: 'shop.public.items', status: 'failed' }, 'FAILED in export x-1: RDS gives no reason.'],
    [
      'with its whole schema',
      { target: 'shop.public', warningMessage: 'PERMISSIONS_DO_NOT_EXIST' },
      'not in export x-1: PERMISSIONS_DO_NOT_EXIST.',
    ],
    ['with its whole database', { target: 'shop', warningMessage: 'NO_LIST' }, 'not in export x-1: NO_LIST.'],
  ])('%s is named, and the others go on', async (_, status, said) => {
    const files = { ...whole, [items]: JSON.stringify({ perTableStatus: [status] }) };
    const answer = await run('COMPLETE', files).answer;
    expect(answer.tables.map(({ dataset }) => dataset)).toEqual(['orders']);
    expect(answer.skipped).toEqual([
      { dataset: 'items', table: 'shop.public.items', failed: expect.stringContaining(said) as string },
    ]);
    expect(answer.skipped[0].failed).toMatch(
      /^shop\.public\.items is .* white space: mend it at the source, or take items off sources\/operations\.ts$/,
    );
  });

  it('has the reason of the whole export when RDS gives no nearer one', async () => {
    const warning = '{"skippedTables":[],"general":[{"reason":"FAILED_TO_EXTRACT_TABLES_LIST_FOR_DATABASE"}]}';
    const files = { ...whole, [items]: info() };
    const { skipped } = await run('COMPLETE', files, { WarningMessage: warning }).answer;
    expect(skipped[0].failed).toContain(`shop.public.items is not in export x-1: ${warning}.`);
  });

  it('is named even when nothing at all was exported', async () => {
    const { answer, dynamo } = run('COMPLETE', {});
    const { tables, skipped } = await answer;
    expect([tables.length, skipped.map(({ dataset }) => dataset)]).toEqual([0, ['orders', 'items']]);
    expect(dynamo.all()).toEqual([expect.objectContaining({ status: 'complete' })]);
  });

  it('is only logged when it is no dataset', async () => {
    const files = {
      ...whole,
      [`${root}export_tables_info_x-1_from_3_to_3.json`]: info(['shop.public.attic', 'SKIPPED']),
    };
    const { skipped, tables } = await run('COMPLETE', files).answer;
    expect([skipped, tables.length]).toEqual([[], 2]);
    expect(console.log).toHaveBeenCalledWith(
      expect.objectContaining({
        message: 'export-warnings',
        tables: [expect.objectContaining({ target: 'shop.public.attic', status: 'SKIPPED' })],
      }),
    );
  });
});
