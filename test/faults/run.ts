import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';
import { command } from '../../scripts/process';
import { ROOT } from '../../local/toolchain';
import { removeProject } from '../project-copy';
import { cases } from './cases';
import { makeFork } from './fork';
import { GOLD } from './gold';
import { parseFaults } from './options';
import { page, type Verdict } from './report';

/**
 * `npm run test:faults -- [--seeds N] [--first-seed S] [--case NAME,…]`: lets everything go wrong that may, and compares
 * every row of the source with silver and gold afterwards. It runs in a copy of the project, which is gone in the end.
 * `--planted` lets it find bugs that are put in on purpose; `--report` writes docs/reliability.md.
 */
command(async () => {
  const args = process.argv.slice(2);
  const wanted = parseFaults(args);
  const copy = await makeFork(cases);
  const results = join(copy.folder, '..', 'verdicts.json');
  const child = spawn(process.execPath, ['--import', 'tsx', 'test/faults/harness.ts', ...args], {
    cwd: copy.folder,
    stdio: 'inherit',
    env: {
      ...process.env,
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      FAULTS_STATE: copy.state,
      FAULTS_PORT: `${copy.port}`,
      FAULTS_VERDICTS: results,
      SPARK_CONF_DIR: join(copy.folder, 'test', 'spark'),
      SFN_WAIT_SCALE: '0.02',
    },
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill('SIGTERM'));
  const code = await new Promise<number>((done) => child.on('exit', (ended) => done(ended ?? 1)));
  if (wanted.report && existsSync(results)) {
    const verdicts = JSON.parse(readFileSync(results, 'utf8')) as Verdict[];
    const text = page([...cases, GOLD], verdicts, new Date().toISOString().slice(0, 10));
    writeFileSync(join(ROOT, 'docs', 'reliability.md'), await format(text, { parser: 'markdown', printWidth: 120 }));
  }
  removeProject(copy);
  process.exit(code);
});
