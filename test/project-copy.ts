import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { ROOT, venv } from '../local/toolchain';
import { freePort, scratchFolder, startRun as start, type Run } from './local-run';

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
export function copyProject(): ProjectCopy {
  const top = scratchFolder();
  const [folder, state] = [join(top, 'project'), join(top, 'state')];
  const listed = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT });
  const files = listed.stdout.toString().split('\0').filter(Boolean);
  for (const file of files.filter((each) => existsSync(join(ROOT, each)))) {
    cpSync(join(ROOT, file), join(folder, file));
  }
  mkdirSync(join(folder, '.cache'));
  for (const made of ['node_modules', '.venv', '.cache/jars']) symlinkSync(join(ROOT, made), join(folder, made));
  return { folder, state, port: freePort() };
}

/** Ends nothing: end the runs first. */
export const removeProject = ({ folder }: ProjectCopy): void =>
  rmSync(join(folder, '..'), { recursive: true, force: true });

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

/** `npm run local` in a copy; `more` are further options, such as `--exit`. */
export const startRun = ({ folder, state, port }: ProjectCopy, ...more: string[]): Run =>
  start(['--port', `${port}`, '--state', state, ...more], folder);
