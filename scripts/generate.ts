import { venv } from '../local/toolchain';
import { bin, command, run, steps } from './process';

/**
 * `npm run generate`: makes the committed files that are made from others. `-- --check` only says when one is stale;
 * `-- --lock` also locks the Python requirements anew.
 */
const lock = (file: string, ...args: string[]) =>
  run(venv('uv'), [
    ...[
      'pip',
      'compile',
      '--quiet',
      `${file}.in`,
      '-o',
      `${file}.txt`,
      '--generate-hashes',
      '--python-version',
      '3.11',
    ],
    ...['--no-header', '--no-emit-index-url', '--no-annotate', ...args],
  ]);

command(async () => {
  const check = process.argv.includes('--check');
  await steps([
    [
      'dbt sources, from the contracts',
      () => run(venv('python'), ['scripts/generate_dbt_sources.py', ...(check ? ['--check'] : [])]),
    ],
    [
      'idle cost, from the templates',
      () => run(process.execPath, [bin('tsx/dist/cli.mjs'), 'scripts/generate-cost.ts', ...(check ? ['--check'] : [])]),
    ],
    ...(process.argv.includes('--lock')
      ? ([
          ['requirements.txt', () => lock('requirements', '--universal')],
          ['local/trino-requirements.txt', () => lock('local/trino-requirements', '--universal')],
          [
            'dbt/requirements.txt',
            () => lock('dbt/requirements', '-c', 'requirements.txt', '--python-platform', 'x86_64-manylinux2014'),
          ],
        ] as const)
      : []),
  ]);
});
