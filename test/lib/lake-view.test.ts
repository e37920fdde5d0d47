import type { Column, ColumnType, Contract } from '../../lambdas/shared/contract';
import { encodeView, lakeView } from '../../lib/lake-view';

const column = (name: string, type: ColumnType): Column => ({
  name,
  type,
  required: false,
  classification: 'internal',
  description: `The ${name}.`,
  previousNames: [],
});
const contract = (columns: Column[]): Contract => ({
  dataset: 'parcels',
  version: '1.0.0',
  description: 'What is carried.',
  domain: '',
  owner: '',
  columns,
  key: [columns[0].name],
  bucketCount: 16,
});
const of = (...columns: Column[]) => lakeView('dev', contract(columns));

/** What an engine reads out of Glue's catalogue. */
const decoded = (text: string) => {
  const [, base64] = /^\/\* Presto View: ([A-Za-z0-9+/=]+) \*\/$/.exec(text) ?? [];
  return JSON.parse(Buffer.from(base64 ?? '', 'base64').toString('utf8')) as Record<string, unknown>;
};

test.each<[ColumnType, string, string]>([
  [{ name: 'boolean' }, 'boolean', 'boolean'],
  [{ name: 'int' }, 'integer', 'int'],
  [{ name: 'bigint' }, 'bigint', 'bigint'],
  [{ name: 'double' }, 'double', 'double'],
  [{ name: 'decimal', precision: 12, scale: 2 }, 'decimal(12,2)', 'decimal(12,2)'],
  [{ name: 'date' }, 'date', 'date'],
  [{ name: 'timestamp' }, 'timestamp(6)', 'timestamp'],
  [{ name: 'timestamptz' }, 'timestamp(6)', 'timestamp'],
  [{ name: 'varchar', length: 20 }, 'varchar', 'string'],
])('%j is %s in SQL and %s in Glue', (type, sqlType, glueType) => {
  expect(of(column('x', type)).columns).toEqual([{ name: 'x', sqlType, glueType, doc: 'The x.' }]);
});

test('rows that exist and are whole, in the columns of the contract and their order', () => {
  const view = of(column('parcel_id', { name: 'bigint' }), column('depot', { name: 'int' }));
  expect(view).toMatchObject({ database: 'dev_lake', name: 'parcels', description: 'What is carried.' });
  expect(view.sql).toBe(
    'SELECT "parcel_id", "depot" FROM "dev_silver"."parcels" WHERE NOT "_is_deleted" AND NOT "_incomplete"',
  );
});

test('words that SQL reserves are names here', () => {
  expect(of(column('order', { name: 'int' }), column('group', { name: 'date' })).sql).toMatch(
    /^SELECT "order", "group" FROM /,
  );
});

test('a point in time is shown in UTC, for Athena takes no time zones in views', () => {
  expect(of(column('seen_at', { name: 'timestamptz' })).sql).toContain(
    `SELECT CAST("seen_at" AT TIME ZONE 'UTC' AS timestamp(6)) AS "seen_at" FROM`,
  );
});

test('is encoded as Athena and Trino read it, letters of all languages too', () => {
  const view = lakeView('dev', { ...contract([column('straße', { name: 'int' })]), dataset: 'pakete' });
  expect(decoded(encodeView(view))).toEqual({
    originalSql: view.sql,
    catalog: 'awsdatacatalog',
    schema: 'dev_lake',
    columns: [{ name: 'straße', type: 'integer' }],
    runAsInvoker: true,
  });
});
