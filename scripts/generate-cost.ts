import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { environmentNames } from '../config';
import { ROOT } from '../local/toolchain';
import { idleTable, type Template } from './idle-cost';
import { bin, run } from './process';

/** Writes the table of `docs/guides/cost.md` out of the templates; with `--check`, says whether it is stale. */
const FILE = 'docs/guides/cost.md';
const [BEGIN, END] = ['<!-- made by npm run generate: begin -->', '<!-- made by npm run generate: end -->'];

async function templatesOf(name: string): Promise<Template[]> {
  const output = join(ROOT, '.cache', 'cost', name);
  const args = ['synth', '--quiet', '-c', `env=${name}`, '-o', output];
  const { code } = await run(process.execPath, [bin('aws-cdk/bin/cdk'), ...args], { CDK_VALIDATION: 'false' });
  if (code !== 0) process.exit(code);
  return readdirSync(output, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.template.json'))
    .map((file) => JSON.parse(readFileSync(join(output, file), 'utf8')) as Template);
}

async function main(): Promise<void> {
  const environments: Record<string, Template[]> = {};
  for (const name of environmentNames.filter((one) => one !== 'local')) environments[name] = await templatesOf(name);
  const path = join(ROOT, FILE);
  const text = readFileSync(path, 'utf8');
  const [before, rest] = text.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`${FILE} has no "${BEGIN}" … "${END}": put the two lines back`);
  const made = `${before}${BEGIN}\n\n${idleTable(environments)}\n\n${END}${after}`;
  if (made === text) return;
  if (process.argv.includes('--check')) throw new Error(`${FILE} is stale: npm run generate, and commit it`);
  writeFileSync(path, made);
}

main().catch((error: unknown) => {
  console.error((error as Error).message);
  process.exit(1);
});
