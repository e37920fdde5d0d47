import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, venv } from '../local/toolchain';
import { bin, command, run } from './process';

/**
 * `npm run bench [-- NAME …]`: the benchmarks of `bench/`, all of them by default. Each prints its figures, then a line
 * `NAME ratio R` against a peer, an earlier size or a limit. Machines differ: quote ratios.
 */
const all = readdirSync(join(ROOT, 'bench'))
  .filter((file) => /\.(ts|py)$/.test(file))
  .map((file) => file.replace(/\.(ts|py)$/, ''))
  .sort();

command(async () => {
  const [names, options] = [
    process.argv.slice(2).filter((arg) => !arg.startsWith('-')),
    process.argv.slice(2).filter((arg) => arg.startsWith('-')),
  ];
  const unknown = names.find((name) => !all.includes(name));
  if (unknown) {
    console.error(`No benchmark ${JSON.stringify(unknown)}: there are ${all.join(', ')}`);
    process.exit(1);
  }
  let failed = false;
  for (const name of names.length > 0 ? names : all) {
    console.log(`\n── ${name}`);
    const script = join('bench', name);
    const { code } = existsSync(join(ROOT, `${script}.ts`))
      ? await run(process.execPath, [bin('tsx/dist/cli.mjs'), `${script}.ts`, ...options])
      : await run(venv('python'), [`${script}.py`, ...options]);
    failed ||= code !== 0;
  }
  process.exit(failed ? 1 : 0);
});
