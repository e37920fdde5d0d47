import { rmSync } from 'node:fs';
import { Client } from 'pg';
import { datasetsOf } from '../lambdas/shared/source';
import { company } from '../local/company';
import { checkPorts, portsFrom } from '../local/options';
import { sources } from '../sources';
import { counts, freePort, killAll, scratchFolder, startRun, type Run } from './local-run';

/**
 * What `npm run local -- --exit` does, on a small company: first with a kill -9 after each of its steps, then to the
 * end, then once more. Every run that ends has compared every row of source, silver and gold.
 */

const ORDERS = 2000;

/** Lines that a run prints when a step is done, in order; a run is killed after each. */
const STEPS = [
  /PostgreSQL as source/,
  /AWS on/,
  /deployed/,
  /automated snapshot/,
  /events sent/,
  /extracted: \d+ records/,
  /export \S+ complete/,
  /load_landing/,
  /load_snapshot/,
  /-merge /,
  /gold built/,
  /aggregates published/,
  /source = silver = gold/,
];

let state: string;
let port: number;

const start = (...more: string[]): Run =>
  startRun(['--orders', `${ORDERS}`, '--port', `${port}`, '--state', state, ...more]);

beforeAll(() => {
  state = scratchFolder();
  port = freePort();
});

afterAll(async () => {
  await killAll();
  rmSync(state, { recursive: true, force: true });
});

test('killed between any two steps, the next run goes on and every row is where it belongs', async () => {
  for (const step of STEPS) {
    const run = start('--exit');
    await run.until(step);
    await run.kill();
  }
  const { code, lines } = await start('--exit').ended;
  expect({ code, lines: code === 0 ? [] : lines }).toEqual({ code: 0, lines: [] });
  const found = counts(lines);
  expect([...found.keys()].sort()).toEqual(sources.flatMap(datasetsOf).sort());
  for (const [source, silver, gold] of found.values()) {
    expect(source).toBeGreaterThan(0);
    expect([silver, gold]).toEqual([source, source]);
  }
}, 1_800_000);

test('a second day loads only what changed, and the API gives the numbers that SQL on the source gives', async () => {
  const run = start('--changes', '0');
  const lines = await run.until(/signed for you/);
  const told = lines.join('\n').replaceAll(/(\d),(\d)/g, '$1$2');
  const day = /day \d+: (\d+) orders new, (\d+) moved on or grew, (\d+) deleted/.exec(told);
  const merged = /merged orders: (\d+) keys changed .*\((\d+) new, (\d+) deleted/.exec(told);
  if (!day || !merged) throw new Error(`No counts of the day or of the merge in:\n${told}`);
  const [come, moved, gone] = day.slice(1).map(Number);
  const [changed, inserted, deleted] = merged.slice(1).map(Number);
  expect(gone).toBeGreaterThan(0);
  // An order that moved on and was deleted the same day is one change.
  expect({ inserted, deleted }).toEqual({ inserted: come, deleted: gone });
  expect(changed).toBeGreaterThanOrEqual(come + gone);
  expect(changed).toBeLessThanOrEqual(come + moved + gone);

  const source = new Client({ connectionString: `postgresql://postgres:local@127.0.0.1:${port + 2}/operations` });
  await source.connect();
  expect(company.questions.length).toBeGreaterThan(4);
  for (const { path, sql } of company.questions) {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`);
    const { data } = (await answer.json()) as { data: unknown[] };
    const { rows } = await source.query<{ row: unknown }>(`select to_json(t) as row from (${sql}) t`);
    expect({ path, data }).toEqual({ path, data: rows.map(({ row }) => row) });
    expect(data.length).toBeGreaterThan(0);
  }
  await source.end();
  const health = (await (await fetch(`http://127.0.0.1:${port}/health`)).json()) as { status: string };
  expect(health.status).toBe('ok');
  // Unsigned, as a stranger would ask it on AWS.
  const direct = await fetch(lines.join('\n').match(/http:\/\/127\.0\.0\.1:\d+\/_aws\/\S+/)?.[0] ?? '');
  expect(direct.status).toBe(403);

  await run.interrupt();
  await expect(checkPorts(portsFrom(port))).resolves.toBeUndefined();
}, 600_000);
