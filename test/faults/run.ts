import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';
import { command } from '../../scripts/process';
import { ROOT } from '../../local/toolchain';
import { cases } from './cases';
import { GOLD } from './gold';
import { runInFork } from './in-fork';
import { parseFaults } from './options';
import { page, VERDICTS, type Verdict } from './report';

/**
 * `npm run test:faults -- [--seeds N] [--first-seed S] [--case NAME,…]`: lets everything go wrong that may, and compares
 * every row of the source with silver and gold afterwards. It runs in a copy of the project, which is gone in the end.
 * `--planted` lets it find bugs that are put in on purpose; `--report` writes docs/reliability.md.
 */
command(async () => {
  const args = process.argv.slice(2);
  const wanted = parseFaults(args);
  const report = async (folder: string) => {
    const results = join(folder, 'results', VERDICTS);
    if (!wanted.report || !existsSync(results)) return;
    const verdicts = JSON.parse(readFileSync(results, 'utf8')) as Verdict[];
    const text = page([...cases, GOLD], verdicts, new Date().toISOString().slice(0, 10));
    writeFileSync(join(ROOT, 'docs', 'reliability.md'), await format(text, { parser: 'markdown', printWidth: 120 }));
  };
  process.exit(await runInFork({ cases, script: 'test/faults/harness.ts', args, ended: report }));
});
