import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { ROOT } from '../local/toolchain';
import { counts, killAll, startPostgres } from './local-run';
import { copyProject, removeProject, startRun, type ProjectCopy } from './project-copy';

/**
 * What docs/guides/fork.md says, done: the platform is copied, the sample removed, a database of another schema declared
 * from its live catalogue, and the whole run against that database, twice. The copy is all that is written to.
 */

const PASSWORD = 'f0rk secret';

let copy: ProjectCopy;
let fork: string;
let library: Awaited<ReturnType<typeof startPostgres>> | undefined;
let client: Client;
let dsn: string;

const git = (...args: string[]): string => {
  const settings = ['-c', 'user.name=fork', '-c', 'user.email=fork@acme.example'];
  const done = spawnSync('git', [...settings, ...args], { cwd: fork, encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.stderr);
  return done.stdout;
};

/** A program of the fork's own: what it said, with both streams together, and how it ended. */
function inFork(program: string, ...args: string[]): { code: number | null; said: string } {
  const done = spawnSync(process.execPath, [join('node_modules', program), ...args], { cwd: fork, encoding: 'utf8' });
  return { code: done.status, said: `${done.stdout}${done.stderr}` };
}
const source = (...args: string[]) => inFork('tsx/dist/cli.mjs', 'scripts/source.ts', ...args);

/** Files that differ from the platform as it was cloned. */
const changed = (): string[] => {
  git('add', '--all');
  return git('diff', '--cached', '--no-renames', '--name-only', 'HEAD').trim().split('\n');
};

async function run() {
  const { code, lines } = await startRun(copy, '--exit', '--database', `library=${dsn}`).ended;
  const said = lines.join('\n');
  expect(said).not.toContain(PASSWORD);
  expect(said).not.toContain(encodeURIComponent(PASSWORD));
  return { code, said, found: Object.fromEntries(counts(lines)) };
}

beforeAll(async () => {
  copy = copyProject();
  fork = copy.folder;
  git('init', '--quiet');
  writeFileSync(join(fork, '.git', 'info', 'exclude'), 'node_modules\n.venv\n'); // .gitignore means folders, not links
  git('add', '--all');
  git('commit', '--quiet', '--message', 'The platform');

  library = await startPostgres();
  const admin = new Client({ connectionString: `${library.dsn}/postgres` });
  await admin.connect();
  await admin.query('create database library');
  await admin.end();
  client = new Client({ connectionString: `${library.dsn}/library` });
  await client.connect();
  await client.query(readFileSync(join(ROOT, 'test', 'fixtures', 'library.sql'), 'utf8'));
  // Somebody who may read what is loaded, and nothing else.
  await client.query(`create role reader login password '${PASSWORD}'`);
  await client.query('grant select on members, loans, "order", audit to reader');
  dsn = `postgresql://reader:${encodeURIComponent(PASSWORD)}@127.0.0.1:${library.port}/library`;
}, 120_000);

afterAll(async () => {
  await killAll();
  await client?.end();
  await library?.stop();
  removeProject(copy);
}, 60_000);

test('the sample goes, and with it every declaration', () => {
  expect(source('remove-sample')).toMatchObject({ code: 0 });
  expect(changed().filter((file) => !/^(sample|contracts|sources|config|dbt)\//.test(file))).toEqual([]);
  expect(git('ls-files', 'sample', 'contracts', 'dbt/models/marts', 'sources')).toBe('sources/index.ts\n');
  git('commit', '--quiet', '--message', 'Without the sample');
});

test('a table that the platform cannot take is named, and nothing is written', () => {
  const { code, said } = source('new', 'database', '--name', 'library', '--from', dsn);
  expect(code).toBe(1);
  expect(said.trim().split('\n')).toEqual([
    'table cards has no column that a contract can have, or leave it out (--tables, --skip-unfit)',
    'Nothing was written.',
  ]);
  expect(changed()).toEqual(['']);
});

test('the database is declared in contracts/, sources/, config/ and dbt/, and nowhere else', () => {
  const { code, said } = source('new', 'database', '--name', 'library', '--from', dsn, '--skip-unfit');
  expect({ code, said }).toMatchObject({ code: 0 });
  expect(said).toContain('left out: table cards has no column that a contract can have');
  expect(said).toContain('no primary key: equal rows are rows of their own');
  expect(said).toContain('bytea is binary, which no contract has: left out of the contract: audit.card, members.card');
  const files = changed();
  expect(files.filter((file) => !/^(contracts|sources|config|dbt)\//.test(file))).toEqual([]);
  expect(files).toEqual(
    expect.arrayContaining(['contracts/members.odcs.yaml', 'sources/library.ts', 'config/prod.ts']),
  );
  expect(git('diff', '--cached', 'HEAD')).not.toMatch(/f0rk|127\.0\.0\.1:\d+\/library/);
  expect(inFork('typescript/bin/tsc', '--noEmit')).toEqual({ code: 0, said: '' });
  expect(inFork('prettier/bin/prettier.cjs', '--check', 'contracts', 'sources', 'config', 'dbt')).toMatchObject({
    code: 0,
  });
}, 120_000);

test('every row of the database is where it belongs, and again after it changed', async () => {
  const first = await run();
  expect(first).toMatchObject({
    code: 0,
    said: expect.stringContaining('source = silver = gold, row by row') as string,
  });
  expect(first.found).toEqual({
    ...{ members: [300, 300, 300], loans: [2000, 2000, 2000], order: [50, 50, 50] },
    audit: [1000, 1000, 1000],
  });

  await client.query(`
    update members set level = 'full', tags = '{}', profile = '{"new": null}' where visits < 10;
    delete from loans where copy_number = 0 and lent_on < '2026-01-11';
    insert into "order" (note) values ('one more');
    delete from audit where ctid in (select ctid from audit where what = 'seen 1' limit 3);
    insert into audit select * from audit where what is null limit 2;
    update audit set amount = 7 where ctid in (select ctid from audit where amount is null limit 4);
  `);
  const { rows } = await client.query<{ loans: number }>('select count(*)::int as loans from loans');
  const second = await run();
  expect(second).toMatchObject({
    code: 0,
    said: expect.stringContaining('source = silver = gold, row by row') as string,
  });
  const { loans } = rows[0];
  expect(loans).toBeLessThan(2000);
  expect(second.found).toEqual({
    members: [300, 300, 300],
    loans: [loans, loans, loans],
    order: [51, 51, 51],
    audit: [999, 999, 999],
  });
  expect(second.said).toContain('merged order: 1 keys changed');
}, 600_000);
