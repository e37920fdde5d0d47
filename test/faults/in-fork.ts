import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { removeProject } from '../project-copy';
import type { Case } from './case';
import { makeFork } from './fork';

export interface InForkProps {
  /** Whose tables the fork's database has. */
  readonly cases: readonly Pick<Case, 'tables'>[];
  /** File of the project that the fork runs, and what it is told. */
  readonly script: string;
  readonly args: readonly string[];
  /**
   * Looks at what the script has left, before all is removed.
   * @param folder has `results`, the script's own (`FAULTS_RESULTS`), and `logs`, of the parts
   */
  readonly ended: (folder: string, code: number) => void | Promise<void>;
}

/**
 * Makes a fork of the project, runs a script within it, and removes it. Ctrl-C and SIGTERM tell the script to end.
 * @returns the script's exit code
 */
export async function runInFork({ cases, script, args, ended }: InForkProps): Promise<number> {
  const copy = await makeFork(cases);
  const folder = join(copy.folder, '..');
  mkdirSync(join(folder, 'results'));
  const child = spawn(process.execPath, ['--import', 'tsx', script, ...args], {
    cwd: copy.folder,
    stdio: 'inherit',
    env: {
      ...process.env,
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      FAULTS_STATE: copy.state,
      FAULTS_PORT: `${copy.port}`,
      FAULTS_RESULTS: join(folder, 'results'),
      SPARK_CONF_DIR: join(copy.folder, 'test', 'spark'),
      SFN_WAIT_SCALE: '0.02',
    },
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill('SIGTERM'));
  const code = await new Promise<number>((done) => child.on('exit', (given) => done(given ?? 1)));
  await ended(folder, code);
  removeProject(copy);
  return code;
}
