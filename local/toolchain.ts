import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The tools that a newcomer's machine lacks, made on demand from the project's own files. */

export const ROOT = join(__dirname, '..');
export const JARS = join(ROOT, '.cache', 'jars');

/** The installer of the Python environment, itself pinned. */
const UV = 'uv==0.13.8';

const VENV = join(ROOT, '.venv');

/** Where a Python environment keeps its programs. */
export const binOf = (environment: string): string =>
  join(environment, process.platform === 'win32' ? 'Scripts' : 'bin');

/** Path of a program of the project's Python environment. */
export const venv = (program: string): string => join(binOf(VENV), program);

/** A mistake of the user's surroundings: shown as one line, without a stack. */
export class SetupError extends Error {}

/**
 * Runs a program of the set-up.
 * @param what it does, for the message when it fails
 * @param output `shown`: as it comes, for what takes long
 * @returns what it printed, unless it was shown
 * @throws SetupError with its last lines
 */
export function run(command: string, args: readonly string[], what: string, output: 'kept' | 'shown' = 'kept'): string {
  const done = spawnSync(command, args, {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', output === 'shown' ? 'inherit' : 'pipe', 'pipe'],
    // A company's proxy signs with a certificate that the machine trusts and uv's own list does not know.
    env: { UV_SYSTEM_CERTS: '1', ...process.env },
  });
  if (done.status !== 0) {
    const said = `${done.stdout ?? ''}${done.stderr ?? ''}`.trim().split('\n').slice(-3).join(' ');
    throw new SetupError(`${what} failed: ${said || String(done.error?.message)}`);
  }
  return done.stdout;
}

/**
 * A Python 3.11, as Glue 5.1 has it.
 * @throws SetupError when there is none.
 */
export function findPython(candidates: readonly string[] = ['python3.11', 'python3', 'python']): string {
  const got: string[] = [];
  for (const candidate of candidates) {
    const done = spawnSync(candidate, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], {
      encoding: 'utf8',
    });
    const version = done.status === 0 ? done.stdout.trim() : undefined;
    if (version === '3.11') return candidate;
    if (version) got.push(`${candidate} is ${version}`);
  }
  throw new SetupError(
    `Python 3.11 is missing (${got.join(', ') || 'no Python found'}): install it, so that python3.11 is on the PATH; Glue 5.1 runs 3.11 too.`,
  );
}

const sha256 = (...files: string[]): string => {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(join(ROOT, file)));
  return hash.digest('hex');
};

/** Makes a thing when its declaring files have changed since it was made last. */
export function once(
  marker: string,
  files: string[],
  say: (line: string) => void,
  what: string,
  make: () => void,
): void {
  const now = sha256(...files);
  if (existsSync(marker) && readFileSync(marker, 'utf8') === now) return;
  say(what);
  make();
  writeFileSync(marker, now);
}

/** Sets up the Python environment (`.venv`, from `requirements.txt`) and Spark's jars, where they are missing or old. */
export function ensureToolchain(say: (line: string) => void = console.log): void {
  once(join(VENV, 'made-from'), ['requirements.txt'], say, 'Python environment (once, about 30 s)', () => {
    if (!existsSync(venv('python'))) run(findPython(), ['-m', 'venv', VENV], 'Making .venv');
    run(venv('python'), ['-m', 'pip', 'install', '--quiet', UV], 'Installing uv');
    run(
      venv('uv'),
      ['pip', 'sync', '--quiet', '--require-hashes', '--python', venv('python'), 'requirements.txt'],
      'uv',
    );
  });
  mkdirSync(JARS, { recursive: true });
  once(join(JARS, 'made-from'), ['local/jars.json', 'local/fetch_jars.py'], say, 'Jars of Iceberg (once)', () => {
    run(venv('python'), ['local/fetch_jars.py', JARS], 'Fetching jars');
  });
}
