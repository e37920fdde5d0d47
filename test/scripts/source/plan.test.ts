import { parse } from 'yaml';
import { parseContract, typeText } from '../../../lambdas/shared/contract';
import type { CatalogueTable } from '../../../scripts/source/catalogue';
import { planDatabase, type Read, type Wanted } from '../../../scripts/source/plan';

const column = (name: string, type: string, more = {}) => ({
  ...{ name, type, required: false, comment: '', labels: [] },
  ...more,
});
const table = (more: Partial<CatalogueTable> = {}): CatalogueTable => ({
  ...{ name: 'loans', kind: 'table', comment: '', bytes: 0, key: ['isbn', 'copy'], checks: [] },
  columns: [column('copy', 'integer'), column('isbn', 'text'), column('state', 'state', { labels: ['lent', 'lost'] })],
  ...more,
});
const wanted: Wanted = { name: 'library', database: 'lib', schema: 'public', skipUnfit: false, force: false };

const repo: Record<string, string> = {
  'sources/index.ts': `import type { Source } from '../lambdas/shared/source';\nexport const sources: readonly Source[] = [];\n`,
  'config/dev.ts': `export const dev = { databases: {}, apis: {} };\n`,
};
const plan = (tables: CatalogueTable[], change: Partial<Wanted> = {}, files = repo) => {
  const read: Read = (path) => files[path];
  return planDatabase(tables, { ...wanted, ...change }, ['dev'], read);
};

test('a table becomes a contract that keeps its key in order, its values and its descriptions', () => {
  const { files, refusals } = plan([
    table({ comment: 'Who has\nwhat.', checks: [{ column: 'isbn', definition: `CHECK ((isbn = 'x'::text))` }] }),
  ]);
  expect(refusals).toEqual([]);
  const contract = parseContract('contracts/loans.odcs.yaml', parse(files['contracts/loans.odcs.yaml']));
  expect(contract).toMatchObject({ dataset: 'loans', description: 'Who has what.', key: ['isbn', 'copy'] });
  expect(contract.columns.map((each) => [each.name, typeText(each.type), each.required, each.validValues])).toEqual([
    ['copy', 'int', true, undefined],
    ['isbn', 'varchar(16384)', true, ['x']],
    ['state', 'varchar(4)', false, ['lent', 'lost']],
  ]);
});

test('a table without a key is declared as one, and said to be', () => {
  const { files, refusals, remarks } = plan([table({ key: [] })]);
  expect(refusals).toEqual([]);
  const contract = parseContract('contracts/loans.odcs.yaml', parse(files['contracts/loans.odcs.yaml']));
  expect(contract.key).toEqual(['_row_hash', '_row_copy']);
  expect(remarks).toContain(
    'no primary key: equal rows are rows of their own; a stream of its changes needs replica identity full: loans',
  );
  const model = files['dbt/models/marts/facts/fct_loans.yml'];
  expect(model).toContain('name: _row_hash');
  expect(model).not.toContain('one row for each _row_hash');
});

test('a comment that dbt would read as Jinja comes without', () => {
  const { files } = plan([table({ comment: 'See {{ x }} and {% docs y %} {# z #}' })]);
  expect(files['contracts/loans.odcs.yaml']).not.toMatch(/\{\{|\}\}|\{%|%\}|\{#|#\}/);
});

test('a large table has more buckets than the default', () => {
  const buckets = (bytes: number) =>
    parseContract('loans.odcs.yaml', parse(plan([table({ bytes })]).files['contracts/loans.odcs.yaml'])).bucketCount;
  expect([0, 1e9, 5e9, 1e15].map(buckets)).toEqual([16, 16, 64, 1024]);
});

test('all that is declared is written: contract, source, its entries, dbt', () => {
  const { files, remarks } = plan([table()]);
  expect(Object.keys(files).sort()).toEqual([
    'config/dev.ts',
    'contracts/loans.odcs.yaml',
    'dbt/models/marts/facts/fct_loans.sql',
    'dbt/models/marts/facts/fct_loans.yml',
    'dbt/models/staging/stg_library__loans.sql',
    'sources/index.ts',
    'sources/library.ts',
  ]);
  expect(files['config/dev.ts']).toContain(`databases: { library: { instance: 'library-dev' }}`);
  expect(files['sources/index.ts']).toContain(
    `import { library } from './library';\nexport const sources: readonly Source[] = [ library];`,
  );
  expect(parse(files['dbt/models/marts/facts/fct_loans.yml'])).toMatchObject({
    models: [{ name: 'fct_loans', config: { meta: { reconciles: 'loans' } } }],
  });
  expect(remarks).toEqual([
    'text: varchar(16384), and a row with a longer value goes to quarantine: loans.isbn',
    "config/dev.ts: databases.library is the instance 'library-dev': write RDS's own identifier",
  ]);
});

const LEAVE = ', or leave it out (--tables, --skip-unfit)';
test.each<[string, Partial<CatalogueTable>, string]>([
  [
    'nothing but binary data',
    { key: [], columns: [column('card', 'bytea')] },
    `table loans has no column that a contract can have${LEAVE}`,
  ],
  [
    'a name in capitals',
    { name: 'Loans' },
    `table "Loans": a name has lower-case letters, digits and _, and starts with a letter; rename it${LEAVE}`,
  ],
  [
    "a column of the platform's",
    { columns: [column('isbn', 'text'), column('copy', 'integer'), column('_op', 'text')] },
    `table loans: column "_op": a name has lower-case letters, digits and _, and starts with a letter; rename it${LEAVE}`,
  ],
  [
    'unlogged',
    { kind: 'unlogged' },
    `table loans is unlogged, and RDS exports no unlogged tables; alter table … set logged${LEAVE}`,
  ],
  ['partitioned', { kind: 'partitioned' }, `table loans is partitioned, which the load does not know yet${LEAVE}`],
  [
    'a binary key',
    { columns: [column('isbn', 'bytea'), column('copy', 'integer')] },
    `table loans: isbn, of its key, is bytea, which no contract has; choose another key${LEAVE}`,
  ],
  [
    'a key without buckets',
    { columns: [column('isbn', 'real'), column('copy', 'integer')] },
    `table loans: isbn, the first column of its key, is real, which Iceberg can't bucket; put another first${LEAVE}`,
  ],
  [
    'a name too long',
    { name: 'l'.repeat(60) },
    `table ${'l'.repeat(60)}: its view stg_library__${'l'.repeat(60)} would have more than the 63 characters that PostgreSQL keeps; choose a shorter --name${LEAVE}`,
  ],
])('%s is refused in one line, or left out on request', (_, change, line) => {
  expect(plan([table(change)]).refusals).toEqual([line]);
  const left = plan([table(change), table({ name: 'members' })], { skipUnfit: true });
  expect(left.refusals).toEqual([]);
  expect(left.remarks[0]).toBe(`left out: ${line.replace(LEAVE, '')}`);
  expect(Object.keys(left.files).filter((path) => /[Ll]oans|lll/.test(path))).toEqual([]);
});

test.each<[string, Partial<Wanted>, typeof repo, string]>([
  ['a table that is none', { tables: ['lones'] }, repo, 'schema public has no table lones: there are loans'],
  [
    'a contract that is there',
    {},
    { ...repo, 'contracts/loans.odcs.yaml': '' },
    'contracts/loans.odcs.yaml is there already; --force replaces it',
  ],
  [
    'an environment of another form',
    {},
    { ...repo, 'config/dev.ts': 'export const dev = make();' },
    "config/dev.ts: it exports no object with databases: { … }; add databases: { library: { instance: 'library-dev' } } there by hand, in that form, and run this again",
  ],
  [
    'an index of another form',
    {},
    { ...repo, 'sources/index.ts': 'export const sources = all();' },
    'sources/index.ts: it exports no list of sources: [ … ]; add library to sources there by hand, in that form, and run this again',
  ],
])('%s is refused in one line', (_, change, files, line) => {
  expect(plan([table()], change, files).refusals).toEqual([line]);
});

test('an empty schema is refused, and --force replaces what is there', () => {
  expect(plan([]).refusals).toEqual(['schema public has no table that can be loaded']);
  const there = { ...repo, 'contracts/loans.odcs.yaml': '' };
  expect(plan([table()], { force: true }, there).refusals).toEqual([]);
});

test('what is declared already stays as it is', () => {
  const files = {
    'sources/index.ts': `import { library } from './library';\nexport const sources = [library];\n`,
    'config/dev.ts': `export const dev = { databases: { library: { cluster: 'mine' } } } satisfies object;\n`,
  };
  expect(plan([table()], {}, files).files).toMatchObject(files);
});
