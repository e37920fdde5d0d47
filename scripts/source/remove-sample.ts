import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { environmentNames } from '../../config';
import { company } from '../../local/company';
import { ROOT, SetupError, venv } from '../../local/toolchain';
import { sources } from '../../sources';
import { run } from '../process';
import { withoutSources } from './edit';
import { read, write } from './write';

/** Folders whose content the sample declares, and where in them it is everybody's. */
const FOLDERS = ['contracts', 'sources', 'dbt/models/staging', 'dbt/models/marts', 'dbt/tests'];
const KEPT = ['sources/index.ts', 'dbt/tests/generic'];

const INDEX = `import type { Source } from '../lambdas/shared/source';

/** Every way in, in the order in which the pipeline lists them. */
export const sources: readonly Source[] = [];
`;

/** Files that were changed and not committed: what is deleted of them would be lost. Empty without git. */
function uncommitted(): string[] {
  try {
    const args = ['status', '--porcelain', '--', 'sample', 'config', ...FOLDERS];
    const lines = execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return lines.split('\n').filter((line) => line !== '');
  } catch {
    return [];
  }
}

/**
 * `npm run source -- remove-sample`: deletes `sample/` and all that is declared for it: contracts, sources, their entries
 * in config/, dbt's models and tests. It is for a fork that has declared nothing of its own yet.
 */
export async function removeSample(args: readonly string[]): Promise<number> {
  if (args.length > 0) throw new SetupError(`remove-sample takes no ${args[0]}: npm run source -- remove-sample`);
  if (!existsSync(join(ROOT, 'sample'))) throw new SetupError('There is no sample/: it has been removed already');
  const own = sources.find(({ name }) => !company.plays.includes(name));
  if (own) {
    throw new SetupError(
      `sources/${own.name}.ts is not the sample's, and remove-sample deletes everything declared: delete the sample's files by hand, as docs/guides/fork.md lists them`,
    );
  }
  const [changed] = uncommitted();
  if (changed) {
    throw new SetupError(
      `Not committed:${changed.slice(2)}: commit it first, for remove-sample deletes or changes such files`,
    );
  }
  const code = await deleteDeclarations();
  console.log('The sample is gone. Next: npm run source -- new database --name NAME --from postgresql://…');
  return code;
}

/** Deletes everything that is declared, by whomever, and `sample/`. @returns the exit code of what is generated then */
export async function deleteDeclarations(): Promise<number> {
  const configs = environmentNames.map((name) => `config/${name}.ts`);
  const files = configs.map((path) => [path, withoutSources(read(path) ?? '')]);
  const gone = FOLDERS.flatMap((folder) => readdirSync(join(ROOT, folder)).map((name) => `${folder}/${name}`));
  for (const path of ['sample', ...gone.filter((one) => !KEPT.includes(one))]) {
    rmSync(join(ROOT, path), { recursive: true, force: true });
  }
  await write({ ...(Object.fromEntries(files) as Record<string, string>), 'sources/index.ts': INDEX });
  return (await run(venv('python'), ['scripts/generate_dbt_sources.py'])).code;
}
