import { cpSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { command } from '../../../scripts/process';
import { runInFork } from '../in-fork';
import { parseSoak } from '../options';
import { TABLES } from './tables';

/**
 * `npm run soak -- [--minutes N] [--changes PER_SECOND] [--seed S] [--plot FILE.svg]`: changes at a steady rate and faults
 * at random, in a copy of the project; then every row of source, silver and gold is compared, and the memory of each part
 * and the files of each table are judged. Writes a plot of both, and the figures. When it fails, what the parts have said
 * is kept beside the plot.
 */
command(async () => {
  const args = process.argv.slice(2);
  const plot = resolve(parseSoak(args).plot);
  const keepLogs = (folder: string, code: number) => {
    console.log(`plot: ${relative('', plot)}`);
    if (code !== 0) cpSync(join(folder, 'logs'), join(dirname(plot), 'logs'), { recursive: true });
  };
  const cases = [{ tables: TABLES }];
  process.exit(
    await runInFork({ cases, script: 'test/faults/soak/within.ts', args: [...args, '--plot', plot], ended: keepLogs }),
  );
});
