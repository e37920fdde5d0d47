import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { parse, stringify } from 'yaml';
import { ROOT, venv } from '../local/toolchain';

/** A copy of the project that a test may change, as a fork would, and run beside others. */
export interface ProjectCopy {
  readonly folder: string;
  /** Folder of what survives a run (`--state`). */
  readonly state: string;
  /** First of the ports of its parts. */
  readonly port: number;
}

/** A property of a contract's schema, as its YAML has it. */
export interface Property {
  name: string;
  physicalType: string;
  [field: string]: unknown;
}

/** What `git` knows and what is new, beside links to what is installed. */
export async function copyProject(): Promise<ProjectCopy> {
  const top = mkdtempSync(join(tmpdir(), 'moraine-copy-'));
  chmodSync(top, 0o755); // PostgreSQL does not run as root
  const [folder, state] = [join(top, 'project'), join(top, 'state')];
  const listed = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT });
  const files = listed.stdout.toString().split('\0').filter(Boolean);
  for (const file of files.filter((each) => existsSync(join(ROOT, each)))) {
    cpSync(join(ROOT, file), join(folder, file));
  }
  for (const installed of ['node_modules', '.venv', '.cache'])
    symlinkSync(join(ROOT, installed), join(folder, installed));
  return { folder, state, port: await freePort() };
}

/** Ends nothing: end the runs first. */
export const removeProject = ({ folder }: ProjectCopy): void =>
  rmSync(join(folder, '..'), { recursive: true, force: true });

/** The parts take the port and the ones after it: a first one in a quiet place. */
const freePort = (): Promise<number> =>
  new Promise((found) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => found(Math.min(port, 60_000)));
    });
  });

/** Replaces the text of a file of the copy. */
export function edit({ folder }: ProjectCopy, file: string, change: (text: string) => string): void {
  const path = join(folder, file);
  writeFileSync(path, change(existsSync(path) ? readFileSync(path, 'utf8') : ''));
}

/** Changes the columns of a contract and raises its version. */
export function editContract(
  copy: ProjectCopy,
  dataset: string,
  version: string,
  change: (columns: Property[]) => void,
): void {
  edit(copy, `contracts/${dataset}.odcs.yaml`, (text) => {
    const document = parse(text) as { version: string; schema: { properties: Property[] }[] };
    change(document.schema[0].properties);
    return stringify({ ...document, version });
  });
}

/** Changes of a contract's columns, for `editContract`. */
export const rename = (from: string, to: string) => (columns: Property[]) => {
  const column = columns.find(({ name }) => name === from);
  Object.assign(column ?? {}, { name: to, customProperties: [{ property: 'previousNames', value: [from] }] });
};
export const retype = (name: string, physicalType: string) => (columns: Property[]) =>
  void Object.assign(columns.find((column) => column.name === name) ?? {}, { physicalType });
export const add = (name: string, physicalType: string) => (columns: Property[]) =>
  void columns.push({ name, physicalType, description: `${name}, since the change.` });

/** The part of `npm run generate` that a changed contract needs. */
export function generate({ folder }: ProjectCopy): void {
  const done = spawnSync(venv('python'), ['scripts/generate_dbt_sources.py'], { cwd: folder, encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.stderr);
}

/** A run that has ended: its exit code and what it said. */
export interface Ended {
  readonly code: number | null;
  readonly lines: readonly string[];
}

/** A process and all below it: the parts too, which have process groups of their own. */
function tree(root: number): number[] {
  const all = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).stdout.trim().split('\n');
  const parents = all.map((line) => line.trim().split(/\s+/).map(Number));
  const below = (pid: number): number[] => [
    pid,
    ...parents.filter(([, parent]) => parent === pid).flatMap(([child]) => below(child)),
  ];
  return below(root);
}

/** `npm run local` in a copy, on a small company; `more` are further options, such as `--exit`. */
export function startRun({ folder, state, port }: ProjectCopy, orders: number, ...more: string[]) {
  const options = ['--orders', `${orders}`, '--port', `${port}`, '--state', state, '--memory', '2g', ...more];
  const child = spawn(process.execPath, [join(folder, 'node_modules/tsx/dist/cli.mjs'), 'local/run.ts', ...options], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    // As npm does: the CDK's command line starts the app by the name of a program.
    env: { ...process.env, PATH: `${join(folder, 'node_modules/.bin')}${delimiter}${process.env.PATH ?? ''}` },
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
  const ended = new Promise<Ended>((done) => child.on('close', (code) => done({ code, lines })));
  const signal = (pid: number, name: NodeJS.Signals): void => {
    try {
      process.kill(pid, name);
    } catch {
      // it has ended since
    }
  };
  return {
    ended,
    /** Everything at once, with no chance to clean up. */
    kill: async (): Promise<void> => {
      if (child.exitCode === null && child.signalCode === null) {
        for (const pid of tree(child.pid ?? 0)) signal(pid, 'SIGKILL');
      }
      await ended;
    },
    /** Ctrl-C. */
    stop: async (): Promise<void> => {
      signal(-(child.pid ?? 0), 'SIGINT');
      await ended;
    },
    /** Resolves with the lines so far when one matches; fails when the run ends without it. */
    until: (pattern: RegExp) =>
      new Promise<readonly string[]>((found, failed) => {
        waiting.push({ pattern, found: () => found(lines) });
        void ended.then(() => failed(new Error(`No line matched ${pattern}:\n${lines.join('\n')}`)));
      }),
  };
}
export type Run = ReturnType<typeof startRun>;
