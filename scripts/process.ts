import { spawn } from 'node:child_process';
import { ensureToolchain, ROOT, SetupError } from '../local/toolchain';

/** How a command ended, and what it said. */
export interface Ended {
  readonly code: number;
  readonly output: string;
}

/**
 * Runs a command in the repo's root.
 * @param shows `coming`: its output as it comes; `nothing`: for whoever shows it when it has ended
 */
export function run(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
  shows: 'coming' | 'nothing' = 'coming',
): Promise<Ended> {
  return new Promise((done, failed) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    const chunks: string[] = [];
    child.stdout.on('data', (data: Buffer) => {
      chunks.push(data.toString());
      if (shows === 'coming') process.stdout.write(data);
    });
    child.stderr.on('data', (data: Buffer) => {
      chunks.push(data.toString());
      if (shows === 'coming') process.stderr.write(data);
    });
    child.on('error', failed);
    child.on('exit', (code) => done({ code: code ?? 1, output: chunks.join('') }));
  });
}

/** Path of a program of an npm package, run by this Node. */
export const bin = (file: string): string => `${ROOT}/node_modules/${file}`;

/** A command of package.json: sets the tools up, then runs; what the machine lacks is said in one line. */
export function command(main: () => Promise<void>): void {
  Promise.resolve()
    .then(() => ensureToolchain())
    .then(main)
    .catch((error: unknown) => {
      console.error(error instanceof SetupError ? error.message : error);
      process.exit(1);
    });
}

/** Runs steps one after the other and stops at the first that fails, by its name. */
export async function steps(all: readonly (readonly [name: string, step: () => Promise<Ended>])[]): Promise<void> {
  for (const [name, step] of all) {
    const begun = performance.now();
    console.log(`\n── ${name}`);
    const { code } = await step();
    if (code !== 0) {
      console.error(`\n${name} failed`);
      process.exit(1);
    }
    console.log(`── ${name}: ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  }
}
