import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../config/environment';
import { parseContract, type Contract } from '../lambdas/shared/contract';
import type { Platform } from '../lambdas/shared/platform';
import { checkSources, type Source } from '../lambdas/shared/source';
import { readEndpoints } from './endpoints';
import { readYaml } from './yaml';

export interface DeclarationsProps {
  readonly environment: Environment;
  readonly sources: readonly Source[];
  /** The folder with `contracts/` and `dbt/models/`. @default - the repo */
  readonly root?: string;
}

/**
 * Everything that is declared, read and checked: contracts, sources, and the endpoints of dbt's models.
 * @throws Error in one line when a declaration is wrong, or two of them do not fit.
 */
export function readDeclarations(props: DeclarationsProps): Platform {
  const root = props.root ?? join(__dirname, '..');
  const contracts = readContracts(root);
  const sources = checkSources(
    props.sources,
    contracts.map((contract) => contract.dataset),
  );
  checkDatabases(sources, props.environment);
  const endpoints = readEndpoints(root, contracts);
  return { environment: props.environment.name, contracts, sources, endpoints };
}

/** The contracts of `contracts/*.odcs.yaml`, by name of dataset. */
function readContracts(root: string): Contract[] {
  return readdirSync(join(root, 'contracts'))
    .filter((file) => file.endsWith('.odcs.yaml'))
    .sort()
    .map((file) => parseContract(`contracts/${file}`, readYaml(root, `contracts/${file}`)));
}

/** @throws Error when a database source has no instance in this environment, or an instance no source. */
function checkDatabases(sources: readonly Source[], environment: Environment): void {
  const declared = sources.filter((source) => source.kind === 'database').map((source) => source.name);
  const file = `config/${environment.name}.ts`;
  for (const name of declared) {
    if (!environment.databases[name]) {
      throw new Error(`${file}: databases has no ${name}: name the RDS instance behind sources/${name}.ts`);
    }
  }
  for (const name of Object.keys(environment.databases)) {
    if (!declared.includes(name)) {
      throw new Error(
        `${file}: databases.${name} belongs to no source: there are ${declared.join(', ') || 'no database sources'}. Remove it or declare sources/${name}.ts`,
      );
    }
  }
}
