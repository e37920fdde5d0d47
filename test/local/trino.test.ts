import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseOptions, trinoPort } from '../../local/options';
import { ROOT } from '../../local/toolchain';
import { endLeftoverTrino } from '../../local/trino';
import { asTable } from '../../local/trino-client';

test('Trino is started on request only, on the port after the other parts', () => {
  expect(parseOptions([]).trino).toBe(false);
  expect(parseOptions(['--trino']).trino).toBe(true);
  expect(trinoPort(4500)).toBe(4505);
});

test('a Trino that a killed run left behind is ended, one of another folder is not', async () => {
  const pretend = (state: string) =>
    spawn(
      process.execPath,
      [
        '-e',
        'setInterval(() => 0, 1000)',
        '--',
        `-Dnode.data-dir=${join(state, 'trino')}`,
        'io.trino.server.TrinoServer',
      ],
      { stdio: 'ignore' },
    );
  const [ours, other] = [pretend('/nowhere/ours'), pretend('/nowhere/other')];
  const ended = new Promise((done) => ours.once('exit', (_, signal) => done(signal)));
  try {
    await Promise.all([ours, other].map((child) => new Promise((spawned) => child.once('spawn', spawned))));
    await endLeftoverTrino('/nowhere/ours');
    expect(await ended).toBe('SIGKILL');
    await new Promise((done) => setTimeout(done, 300)); // a signal's end is told late
    expect(other.exitCode ?? other.signalCode).toBeNull();
  } finally {
    ours.kill();
    other.kill();
  }
});

test('an answer is a table, NULL is nothing', () => {
  const rows = [
    ['1', null],
    [22, 'open'],
  ];
  expect(asTable({ columns: ['id', 'status'], rows })).toBe('id  status\n1\n22  open');
});

test.each([
  [
    ['select 1', '--port', '5'],
    /^Nobody answers on port 10: start Trino with npm run local -- --trino; after --port N/,
  ],
  [[], /^Give one query: npm run query -- "select/],
  [['select', '1'], /^Give one query/],
])('npm run query with %j ends with one line that says what to do', (args, line) => {
  const tsx = join(ROOT, 'node_modules', 'tsx', 'dist', 'cli.mjs');
  const { status, stderr } = spawnSync(process.execPath, [tsx, 'local/query.ts', ...args], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(line) as string });
  expect(stderr.trim()).not.toContain('\n');
});
