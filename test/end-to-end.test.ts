import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { datasetsOf } from '../lambdas/shared/source';
import { checkPorts, portsFrom } from '../local/options';
import { ROOT } from '../local/toolchain';
import { questions } from '../sample/questions';
import { sources } from '../sources';

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

interface Ended {
  readonly code: number | null;
  readonly lines: readonly string[];
}

/** Ends what a failed test leaves running. */
const killAll: (() => void)[] = [];

let state: string;
let port: number;

/** A process and all below it: the parts too, which have process groups of their own. */
function tree(root: number): number[] {
  const all = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).stdout.trim().split('\n');
  const parents = all.map((line) => line.trim().split(/\s+/).map(Number));
  const below = (pid: number): number[] => [
    pid,
    ...parents.filter(([, p]) => p === pid).flatMap(([child]) => below(child)),
  ];
  return below(root);
}

/** A run of the platform, in a process group of its own: tsx runs the program in a process below it. */
function start(...more: string[]) {
  const args = [
    'local/run.ts',
    '--orders',
    `${ORDERS}`,
    '--port',
    `${port}`,
    '--state',
    state,
    '--memory',
    '2g',
    ...more,
  ];
  const child = spawn(process.execPath, [join(ROOT, 'node_modules', 'tsx', 'dist', 'cli.mjs'), ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const lines: string[] = [];
  const waiting: { pattern: RegExp; found: () => void }[] = [];
  let rest = '';
  const read = (data: Buffer): void => {
    const parts = (rest + data.toString()).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) {
      lines.push(line);
      waiting.filter(({ pattern }) => pattern.test(line)).forEach(({ found }) => found());
    }
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  const kill = (): void => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    for (const pid of tree(child.pid ?? 0)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // it has ended since
      }
    }
  };
  killAll.push(kill);
  const ended = new Promise<Ended>((done) => child.on('close', (code) => done({ code, lines })));
  return {
    ended,
    /** Everything at once, with no chance to clean up. */
    kill,
    interrupt: () => process.kill(-(child.pid ?? 0), 'SIGINT'),
    /** Resolves with the lines so far when one matches; fails when the run ends without it. */
    until: (pattern: RegExp) =>
      new Promise<readonly string[]>((found, failed) => {
        waiting.push({ pattern, found: () => found(lines) });
        void ended.then(() => failed(new Error(`No line matched ${pattern}:\n${lines.join('\n')}`)));
      }),
  };
}

/** The reconciliation's row of each dataset: name, then the counts of source, silver and gold. */
const counts = (lines: readonly string[]): Map<string, number[]> =>
  new Map(
    lines.flatMap((line) => {
      const match = /^\s*(\w+)\s+([\d,]+)\s+([\d,]+)\s+([\d,]+)\s+0\b/.exec(line);
      return match ? [[match[1], match.slice(2).map((text) => Number(text.replaceAll(',', '')))] as const] : [];
    }),
  );

beforeAll(async () => {
  state = mkdtempSync(join(tmpdir(), 'moraine-'));
  chmodSync(state, 0o755); // PostgreSQL does not run as root
  // The parts take the port and the ones after it: look for the first in a quiet place.
  port = await new Promise<number>((found) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = probe.address() as AddressInfo;
      probe.close(() => found(Math.min(free, 60_000)));
    });
  });
});

afterAll(() => {
  for (const kill of killAll) kill();
  rmSync(state, { recursive: true, force: true });
});

test('killed between any two steps, the next run goes on and every row is where it belongs', async () => {
  for (const step of STEPS) {
    const run = start('--exit');
    await run.until(step);
    run.kill();
    await run.ended;
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
  const run = start();
  const lines = await run.until(/signed for you/);
  const told = lines.join('\n').replaceAll(/(\d),(\d)/g, '$1$2');
  const day = /day \d+: (\d+) orders new, (\d+) moved on, (\d+) deleted/.exec(told);
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
  expect(questions.length).toBeGreaterThan(4);
  for (const { path, sql } of questions) {
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

  run.interrupt();
  await run.ended;
  await expect(checkPorts(portsFrom(port))).resolves.toBeUndefined();
}, 600_000);
