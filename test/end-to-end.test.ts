import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../local/toolchain';

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
  /export \S+ complete/,
  /load_snapshot customers/,
  /merge orders/,
  /gold built/,
  /aggregates published/,
];

interface Ended {
  readonly code: number | null;
  readonly lines: readonly string[];
}

let state: string;
let port: number;

/** A run of the platform; killed, with no chance to clean up, when a line matches. */
function runLocal(killAfter?: RegExp): Promise<Ended> {
  return new Promise((done) => {
    const args = [
      'local/run.ts',
      '--exit',
      '--orders',
      `${ORDERS}`,
      '--port',
      `${port}`,
      '--state',
      state,
      '--memory',
      '2g',
    ];
    const child = spawn(process.execPath, [join(ROOT, 'node_modules', 'tsx', 'dist', 'cli.mjs'), ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const lines: string[] = [];
    let rest = '';
    const read = (data: Buffer): void => {
      const parts = (rest + data.toString()).split('\n');
      rest = parts.pop() ?? '';
      for (const line of parts) {
        lines.push(line);
        // The group: tsx runs the program in a process of its own.
        if (killAfter?.test(line) && child.pid) process.kill(-child.pid, 'SIGKILL');
      }
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('close', (code) => done({ code, lines: [...lines, rest] }));
  });
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
  rmSync(state, { recursive: true, force: true });
});

test('killed between any two steps, the next run goes on and every row is where it belongs', async () => {
  for (const step of STEPS) {
    const { lines } = await runLocal(step);
    expect(lines.some((line) => step.test(line))).toBe(true);
  }
  const { code, lines } = await runLocal();
  expect({ code, lines: code === 0 ? [] : lines }).toEqual({ code: 0, lines: [] });
  const found = counts(lines);
  expect([...found.keys()].sort()).toEqual(['customers', 'orders', 'web_events']);
  for (const [source, silver, gold] of found.values()) {
    expect(source).toBeGreaterThan(0);
    expect([silver, gold]).toEqual([source, source]);
  }
}, 900_000);

test('a second day loads only what changed, and a row deleted in the source is gone', async () => {
  const { code, lines } = await runLocal();
  expect({ code, lines: code === 0 ? [] : lines }).toEqual({ code: 0, lines: [] });
  const day = lines.find((line) => /day \d+:/.test(line)) ?? '';
  expect(Number(/(\d+) deleted/.exec(day)?.[1])).toBeGreaterThan(0);
}, 300_000);
