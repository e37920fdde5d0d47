import { spawnSync } from 'node:child_process';
import { ROOT } from '../../../local/toolchain';
import { parseNewDatabase, USAGE } from '../../../scripts/source/wanted';

const from = ['--from', 'postgresql://me:s3cret@127.0.0.1:1/shop'];

test('defaults: schema public, all tables, nothing left out or replaced', () => {
  expect(parseNewDatabase(['--name', 'shop', ...from])).toMatchObject({
    ...{ name: 'shop', database: 'shop', schema: 'public', tables: undefined, skipUnfit: false, force: false },
    from: { shown: '127.0.0.1:1/shop' },
  });
  expect(parseNewDatabase(['--name', 'shop', ...from, '--tables', 'a, b']).tables).toEqual(['a', 'b']);
});

const NAMES = 'allowed are up to 40 lower-case letters, digits and single _, a letter first, and not "index"';
test.each([
  [from, `--name is missing: ${USAGE}`],
  [['--name', 'shop'], `--from is missing: ${USAGE}`],
  [['--name', 'My-Shop', ...from], `--name is "My-Shop": ${NAMES}`],
  [['--name', 'my__shop', ...from], `--name is "my__shop": ${NAMES}`],
  [['--name', 'index', ...from], `--name is "index": ${NAMES}`],
  [['--name', 'shop', '--from', 's3cret'], /^--from is not the address of a PostgreSQL database: allowed is/],
  [['--name', 'shop', ...from, '--schema', 'my-schema'], /^--schema is "my-schema": RDS exports only where names/],
  [['--name', 'shop', '--from', 'postgresql://h/a-b'], /^--from's database is "a-b": RDS exports only where names/],
  [['--name', 'shop', ...from, '--table', 'a'], /^Unknown option '--table': npm run source/],
])('%j is refused in one line, without the password', (args, line) => {
  expect(() => parseNewDatabase(args)).toThrow(line);
  expect(() => parseNewDatabase(args)).toThrow(/^(?!.*s3cret)[^\n]*$/);
});

test.each([
  [[], /^npm run source knows no "nothing": use npm run source -- new database --name/],
  [['new', 'rest'], /^npm run source knows no "new rest": use .*; npm run source -- remove-sample\n$/],
  [['remove-sample', '--all'], /^remove-sample takes no --all: npm run source -- remove-sample\n$/],
  [
    ['new', 'database', '--name', 'shop', ...from],
    /^127\.0\.0\.1:1\/shop can't be read: connect ECONNREFUSED 127\.0\.0\.1:1; correct --from, or let this machine in\n$/,
  ],
])('npm run source %j says what is wrong, and ends with 1', (args, said) => {
  const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', 'scripts/source.ts', ...args], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(said) as string });
});
