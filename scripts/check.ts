import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { environmentNames } from '../config';
import { ROOT, venv } from '../local/toolchain';
import { bin, command, run, steps, type Ended } from './process';

/** `npm run check`: what CI runs. Each step says its name, its time, and stops the rest when it fails. */

const node = (file: string, ...args: string[]): Promise<Ended> => run(process.execPath, [bin(file), ...args]);

async function lintContracts(): Promise<Ended> {
  const ended: Ended[] = [];
  for (const file of readdirSync(join(ROOT, 'contracts')).sort()) {
    ended.push(await run(venv('datacontract'), ['lint', join('contracts', file)], { COLUMNS: '160' }));
  }
  return ended.find(({ code }) => code !== 0) ?? { code: 0, output: '' };
}

/** Synthesis with the CDK's own validation, which the inner loop leaves out. */
async function synthAll(): Promise<Ended> {
  for (const name of environmentNames) {
    const output = join(ROOT, '.cache', 'check', name);
    const ended = await node('aws-cdk/bin/cdk', 'synth', '--quiet', '-c', `env=${name}`, '-o', output);
    if (ended.code !== 0) return ended;
  }
  return { code: 0, output: '' };
}

command(async () => {
  await steps([
    ['format (prettier)', () => node('prettier/bin/prettier.cjs', '--check', '.')],
    ['format (ruff)', () => run(venv('ruff'), ['format', '--check', '.'])],
    ['lint (ruff)', () => run(venv('ruff'), ['check', '.'])],
    ['types', () => node('typescript/bin/tsc', '--noEmit')],
    ['lint (eslint)', () => node('eslint/bin/eslint.js', '.')],
    ['lint (sqlfluff)', () => run(venv('sqlfluff'), ['lint', '--nocolor', 'dbt'])],
    ['contracts', lintContracts],
    ['generated files', () => run(process.execPath, [bin('tsx/dist/cli.mjs'), 'scripts/generate.ts', '--check'])],
    ['synth of every environment', synthAll],
    ...(process.argv.includes('--no-test')
      ? []
      : ([['tests', () => run(process.execPath, [bin('tsx/dist/cli.mjs'), 'scripts/test.ts'])]] as const)),
  ]);
});
