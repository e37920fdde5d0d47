import type { CatalogueTable } from './catalogue';
import { ROW_KEY } from '../../lambdas/shared/contract';
import { contractOf, unfit } from './contract';
import { constantOf, NoPlace, withDatabase, withSource } from './edit';
import { modelsOf } from './models';
import { typeOf } from './types';

/** What is to be declared. */
export interface Wanted {
  /** Of the source. */
  readonly name: string;
  readonly database: string;
  readonly schema: string;
  /** The tables to take. Default: all. */
  readonly tables?: readonly string[];
  /** Leave out tables that the platform can't take, instead of refusing all. */
  readonly skipUnfit: boolean;
  /** Replace files that are there. */
  readonly force: boolean;
}

/** The declarations as they are: text of a file of the repo, undefined when there is none. */
export type Read = (path: string) => string | undefined;

/** What a command would do. With a refusal, nothing is to be written. */
export interface Plan {
  /** A line for each thing that stands in the way, with what to do. */
  readonly refusals: readonly string[];
  /** A line for each thing to know. */
  readonly remarks: readonly string[];
  /** Text by path, to be put into form. */
  readonly files: Readonly<Record<string, string>>;
}

/** A lower-case name that a file, a dbt view and, with hyphens, an RDS instance can have. */
export const SOURCE_NAME = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;

/** The declarations of a database source: contracts, source, config, and dbt's models. */
export function planDatabase(
  found: readonly CatalogueTable[],
  wanted: Wanted,
  environments: readonly string[],
  read: Read,
): Plan {
  const { name, schema } = wanted;
  const names = found.map((table) => table.name);
  const missing = (wanted.tables ?? []).filter((table) => !names.includes(table));
  const chosen = found.filter((table) => wanted.tables?.includes(table.name) ?? true);
  const judged = chosen.map((table) => ({ table, why: unfit(table, name) }));
  const bad = judged.flatMap(({ why }) => why ?? []);
  const tables = judged.flatMap(({ table, why }) => (why ? [] : [table]));
  const refusals = [
    ...missing.map((table) => `schema ${schema} has no table ${table}: there are ${names.join(', ') || 'none'}`),
    ...(wanted.skipUnfit ? [] : bad.map((why) => `${why}, or leave it out (--tables, --skip-unfit)`)),
  ];
  if (tables.length === 0 && refusals.length === 0) refusals.push(`schema ${schema} has no table that can be loaded`);

  const files: Record<string, string> = {
    [`sources/${name}.ts`]: sourceFile(
      wanted,
      tables.map((table) => table.name),
    ),
  };
  const remarks = new Map<string, string[]>();
  for (const table of tables) {
    const contract = contractOf(table, name);
    for (const { remark, column } of contract.remarks) remarks.set(remark, [...(remarks.get(remark) ?? []), column]);
    const columns = table.columns.filter((column) => typeOf(column)).map((column) => column.name);
    files[`contracts/${table.name}.odcs.yaml`] = contract.text;
    Object.assign(
      files,
      modelsOf({ name: table.name, source: name, columns, key: table.key.length > 0 ? table.key : ROW_KEY }),
    );
  }
  const taken = Object.keys(files).filter((path) => read(path) !== undefined);
  if (!wanted.force) refusals.push(...taken.map((path) => `${path} is there already; --force replaces it`));

  const edits: [path: string, edit: (text: string) => string, line: string][] = [
    ['sources/index.ts', (text) => withSource(text, name, constantOf(name)), `${constantOf(name)} to sources`],
    ...environments.map((environment): (typeof edits)[number] => {
      const instance = instanceOf(name, environment);
      const line = `databases: { ${name}: { instance: '${instance}' } }`;
      return [`config/${environment}.ts`, (text) => withDatabase(text, name, instance), line];
    }),
  ];
  for (const [path, edit, line] of edits) {
    const before = read(path);
    try {
      files[path] = edit(before ?? '');
    } catch (error) {
      if (!(error instanceof NoPlace)) throw error;
      refusals.push(`${path}: ${error.message}; add ${line} there by hand, in that form, and run this again`);
    }
  }
  return {
    refusals,
    remarks: [
      ...(wanted.skipUnfit ? bad.map((why) => `left out: ${why}`) : []),
      ...[...remarks].map(([remark, columns]) => `${remark}: ${columns.join(', ')}`),
      ...environments.map(
        (environment) =>
          `config/${environment}.ts: databases.${name} is the instance '${instanceOf(name, environment)}': write RDS's own identifier`,
      ),
    ],
    files,
  };
}

/** What an instance may be called, until somebody says what it is called. */
const instanceOf = (name: string, environment: string): string =>
  `${name.replaceAll('_', '-')}${['local', 'prod'].includes(environment) ? '' : `-${environment}`}`;

const sourceFile = ({ name, database, schema }: Wanted, datasets: readonly string[]): string =>
  `import type { DatabaseSource } from '../lambdas/shared/source';

/** The ${name} database, loaded from RDS's own snapshots. */
export const ${constantOf(name)}: DatabaseSource = {
  kind: 'database',
  name: '${name}',
  engine: 'postgres',
  database: '${database}',
  schema: '${schema}',
  datasets: [${datasets.map((dataset) => `'${dataset}'`).join(', ')}],
};
`;
