import { spawn, spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { environment } from '../config';
import type { Column } from '../lambdas/shared/contract';
import { CATALOG } from '../lib/lake-view';
import { readDeclarations } from '../lib/declarations';
import { LAKE } from '../local/lake-counts';
import { trinoPort } from '../local/options';
import { ROOT } from '../local/toolchain';
import { endLeftoverTrino } from '../local/trino';
import { ask } from '../local/trino-client';
import { sources } from '../sources';
import { freePort, scratchFolder } from './local-run';

/** What `npm run local -- --trino` does, on a small company. It fetches 600 MB once, so it runs on request only. */
const asked = process.env.MORAINE_TRINO === '1';
const why = asked ? '' : ' (skipped: it fetches 600 MB; MORAINE_TRINO=1 runs it)';

const platform = readDeclarations({ environment: environment('local'), sources });
const tsx = join(ROOT, 'node_modules', 'tsx', 'dist', 'cli.mjs');
const running: (() => void)[] = [];
let state: string;
let port: number;

function start(...more: string[]) {
  const args = ['--orders', '2000', '--port', `${port}`, '--state', state, '--memory', '2g', '--trino', ...more];
  // Without tsx's own process in between, so that a kill meets the run itself.
  const child = spawn(process.execPath, ['--import', 'tsx', 'local/run.ts', ...args], { cwd: ROOT });
  running.push(() => child.kill('SIGINT'));
  const ended = new Promise<number | null>((done) => child.on('close', done));
  let told = '';
  const looking: (() => void)[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      told += data.toString();
      for (const look of looking) look();
    });
  }
  /** Resolves with what the run has told when that matches; fails when it ends without. */
  const until = (pattern: RegExp) =>
    new Promise<string>((found, failed) => {
      looking.push(() => pattern.test(told) && found(told));
      void ended.then(() => failed(new Error(`No line matched ${pattern}:\n${told}`)));
    });
  return { child, ended, until, told: () => told };
}

/** `Trino lake.<dataset>: <rows> rows` of a run's output. */
const counted = (told: string): Map<string, string> =>
  new Map([...told.matchAll(/Trino lake\.(\w+): ([\d,]+) rows$/gm)].map(([, dataset, rows]) => [dataset, rows]));

const trino = (sql: string) => ask(`http://127.0.0.1:${trinoPort(port)}`, sql, CATALOG, LAKE);

/** A value as text, alike in both databases. */
const inTrino = ({ name }: Column): string => `cast("${name}" as varchar)`;
const inPostgres = ({ name, type }: Column): string =>
  type.name === 'timestamptz'
    ? `to_char("${name}" at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')`
    : `cast("${name}" as text)`;

beforeAll(() => {
  if (!asked) return;
  state = scratchFolder();
  port = freePort();
}, 10_000);

afterAll(async () => {
  if (!asked) return;
  for (const stop of running) stop();
  await endLeftoverTrino(state);
  rmSync(state, { recursive: true, force: true });
}, 60_000);

(asked ? describe : describe.skip)(`SQL on the lake${why}`, () => {
  test('views show every row and every value of the source; nothing can be changed; a kill leaves nothing in the way', async () => {
    const first = start();
    const told = await first.until(/SQL on the lake: npm run query/);
    const { contracts } = platform;
    expect([...counted(told).keys()].sort()).toEqual(contracts.map(({ dataset }) => dataset).sort());

    for (const { database, schema, datasets } of sources.flatMap((source) =>
      source.kind === 'database' ? [source] : [],
    )) {
      const source = new Client({ connectionString: `postgresql://postgres:local@127.0.0.1:${port + 2}/${database}` });
      await source.connect();
      for (const { dataset, columns } of contracts.filter((contract) => datasets.includes(contract.dataset))) {
        const select = (text: (column: Column) => string, from: string) =>
          `select ${columns.map(text).join(', ')} from ${from}`;
        const text = select(inPostgres, `${schema}.${dataset}`);
        const wanted = await source.query<unknown[]>({ text, rowMode: 'array' });
        const { rows } = await trino(select(inTrino, dataset));
        expect(rows.length).toBeGreaterThan(0);
        expect(rows.map((row) => row.join('|')).sort()).toEqual(wanted.rows.map((row) => row.join('|')).sort());
      }
      await source.end();
    }

    const [{ dataset }] = contracts;
    await expect(trino(`delete from "local_silver"."${dataset}"`)).rejects.toThrow(/Access Denied/);
    const args = [tsx, 'local/query.ts', `select count(*) as n from ${dataset}`, '--port', `${port}`];
    const { stdout } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
    expect(stdout).toBe(`n\n${counted(told).get(dataset)?.replaceAll(',', '') ?? ''}\n`);

    // A day later some rows are gone: silver keeps their tombstones, and no view shows them.
    first.child.kill('SIGKILL');
    await first.ended;
    const second = start('--exit');
    const code = await second.ended;
    expect({ code, told: code === 0 ? '' : second.told() }).toEqual({ code: 0, told: '' });
    expect(second.told()).toMatch(/[1-9]\d* deleted/);
    expect(spawnSync('ps', ['-A', '-ww', '-o', 'command='], { encoding: 'utf8' }).stdout).not.toContain(state);
  }, 900_000);
});
