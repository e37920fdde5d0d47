import type { Source } from '../../lambdas/shared/source';
import { parseConnection, reason } from '../../local/connection';
import { databaseDsn, givenDatabases, ledgerOf, ourDatabases } from '../../local/databases';
import { parseOptions } from '../../local/options';
import { checkDatabase, type Postgres } from '../../local/postgres';

const database = (name: string) =>
  ({ kind: 'database', name, engine: 'postgres', database: `${name}_db`, schema: 'public', datasets: [name] }) as const;
const [shop, till] = [database('shop'), database('till')];
const sources: Source[] = [shop, till, { kind: 'collector', name: 'clicks', dataset: 'clicks' }];
const ours = { dsn: 'postgresql://postgres:local@127.0.0.1:4502' } as Postgres;

test('a source whose database is given is read there, the others are ours', () => {
  const { databases } = parseOptions([
    '--database',
    'shop=postgresql://me:s%3Dcret@db.example:5433/shop_db?sslmode=require',
  ]);
  const given = givenDatabases(databases, sources, ['till']);
  expect(given.shop.shown).toBe('db.example:5433/shop_db');
  expect(databaseDsn(shop, given, ours)).toBe('postgresql://me:s%3Dcret@db.example:5433/shop_db?sslmode=require');
  expect(databaseDsn(till, given, ours)).toBe('postgresql://postgres:local@127.0.0.1:4502/till_db');
  expect(ourDatabases(sources, given)).toEqual(['till_db']);
});

test("what the sample writes down is never written into a database of the user's", () => {
  const given = givenDatabases(['shop=postgresql://h/shop_db'], sources, []);
  expect(ledgerOf(sources, {})).toBe('shop_db');
  expect(ledgerOf(sources, given)).toBe('till_db');
  expect(ledgerOf([shop], given)).toBe('postgres');
});

const ALLOWED = 'allowed are database sources (shop, till), as in --database NAME=postgresql://…';
test.each([
  [['clicks=postgresql://h/d'], `--database has "clicks" before its =: ${ALLOWED}`],
  [['postgresql://me:s3cret@h/d'], `--database has no name before its =: ${ALLOWED}`],
  [['postgresql://me:s3cret@h/d?a=b'], `--database has no name before its =: ${ALLOWED}`],
  [['shop=mysql://me:s3cret@h/shop_db'], /^--database shop is not the address of a PostgreSQL database: allowed is/],
  [['shop=postgresql://me:s3cret@h'], /^--database shop is not the address of a PostgreSQL database/],
  [['shop=postgresql://me:s3:c@r/et@h/d'], /^--database shop is not the address of a PostgreSQL database/],
  [
    ['shop=postgresql://me:s3cret@h/other'],
    '--database shop is a database called "other", and sources/shop.ts says "shop_db": give that one, or change database there',
  ],
  [['shop=postgresql://h/shop_db', 'shop=postgresql://h/shop_db'], '--database shop is given twice: give it once'],
  [
    ['till=postgresql://h/till_db'],
    '--database till: sample/ plays till, so it has no other database here: npm run source -- remove-sample takes the sample away',
  ],
])('%j is refused in one line, without the password', (texts, line) => {
  const refused = (): unknown => givenDatabases(texts, sources, ['till']);
  expect(refused).toThrow(line);
  expect(refused).toThrow(/^(?!.*s3)[^\n]*$/);
});

test('a database that does not answer is named in one line, without the password', async () => {
  const connection = parseConnection('postgresql://me:s3cret@127.0.0.1:1/shop_db', '--database shop');
  await expect(checkDatabase('shop', connection)).rejects.toThrow(
    "--database shop: 127.0.0.1:1/shop_db can't be reached: connect ECONNREFUSED 127.0.0.1:1",
  );
});

test('a password is taken out of what a driver says, in both of its spellings', () => {
  const connection = parseConnection('postgresql://me:s%3Dcret@h/d', '--from');
  expect(reason(new Error('bad s=cret in s%3Dcret\nat h'), connection)).toBe('bad … in … at h');
  expect(reason(new AggregateError([new Error('a'), new Error('b')]), connection)).toBe('a, b');
});
