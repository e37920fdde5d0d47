import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { ROOT } from '../local/toolchain';
import { processesBelow } from './processes';

/** A run of the platform on this machine, as tests start, watch and end it. */
export interface Run {
  readonly ended: Promise<{ readonly code: number | null; readonly lines: readonly string[] }>;
  /** Everything at once, with no chance to clean up. Resolves when it has ended. */
  kill(): Promise<unknown>;
  /** Ctrl-C. Resolves when it has ended. */
  interrupt(): Run['ended'];
  /** Resolves with the lines so far when one matches; fails when the run ends without it. */
  until(pattern: RegExp): Promise<readonly string[]>;
}

const running: Run[] = [];

/** Ends what a failed test leaves running. */
export const killAll = (): Promise<unknown> => Promise.all(running.map((run) => run.kill()));

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // it has ended since
  }
}

/**
 * `npm run local -- …`, in a process group of its own.
 * @param root the project to run. Default: this one
 * @param env variables beside those of this process
 */
export function startRun(args: readonly string[], root = ROOT, env: Readonly<Record<string, string>> = {}): Run {
  const child = spawn(process.execPath, ['--import', 'tsx', 'local/run.ts', '--memory', '2g', ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: {
      ...process.env,
      SPARK_CONF_DIR: join(__dirname, 'spark'),
      ...env,
      // As npm does: the CDK's command line starts the app by the name of a program.
      PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH ?? ''}`,
    },
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
  const ended: Run['ended'] = new Promise((done) => child.on('close', (code) => done({ code, lines })));
  const run: Run = {
    ended,
    kill: () => {
      const ending = child.exitCode === null && child.signalCode === null;
      for (const { pid } of ending ? processesBelow(child.pid ?? 0) : []) signal(pid, 'SIGKILL');
      return ended;
    },
    interrupt: () => {
      signal(-(child.pid ?? 0), 'SIGINT');
      return ended;
    },
    until: (pattern) =>
      new Promise((found, failed) => {
        waiting.push({ pattern, found: () => found(lines) });
        void ended.then(() => failed(new Error(`No line matched ${pattern}:\n${lines.join('\n')}`)));
      }),
  };
  running.push(run);
  return run;
}

/** The reconciliation's row of each dataset without differences: name, then the counts of source, silver and gold. */
export const counts = (lines: readonly string[]): Map<string, number[]> =>
  new Map(
    lines.flatMap((line) => {
      const match = /^\s*(\w+)\s+([\d,]+)\s+([\d,]+)\s+([\d,]+)\s+0\b/.exec(line);
      return match ? [[match[1], match.slice(2).map((text) => Number(text.replaceAll(',', '')))] as const] : [];
    }),
  );

/** A new folder, with parents that PostgreSQL, which does not run as root, may pass. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'moraine-'));
  chmodSync(folder, 0o755);
  return folder;
}

/**
 * A PostgreSQL that lives until `stop`, in a process of its own: jest loads no ES modules.
 * @returns connection of its superuser without a database: add `/<database>`
 */
export async function startPostgres(): Promise<{ dsn: string; port: number; stop(): Promise<void> }> {
  const child = spawn(process.execPath, [join(__dirname, 'dbt', 'postgres.mjs')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((done) => child.on('close', () => done()));
  const line = await new Promise<string>((found) =>
    child.stdout.once('data', (data: Buffer) => found(data.toString())),
  );
  const { port } = JSON.parse(line) as { port: number };
  const stop = (): Promise<void> => {
    child.stdin.end();
    return ended;
  };
  return { dsn: `postgresql://warehouse:warehouse@127.0.0.1:${port}`, port, stop };
}

/** The first of some ports that are quiet: below those that the system gives to connections by itself. */
export const freePort = (): number => 20_000 + 10 * Math.floor(Math.random() * 1000);
