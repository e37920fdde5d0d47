import { parseArgs } from 'node:util';
import pg from 'pg';
import { environmentNames } from '../../config';
import { parseConnection, reason, type Connection } from '../../local/connection';
import { SetupError, venv } from '../../local/toolchain';
import { run } from '../process';
import { readCatalogue, type CatalogueTable } from './catalogue';
import { planDatabase, SOURCE_NAME, type Wanted } from './plan';
import { read, write } from './write';

export const USAGE =
  'npm run source -- new database --name NAME --from postgresql://user:password@host:port/database ' +
  '[--schema public] [--tables a,b] [--skip-unfit] [--force]';

/** What the command line asks for. @throws SetupError in one line */
export function parseNewDatabase(args: readonly string[]): Wanted & { readonly from: Connection } {
  const options = {
    name: { type: 'string' },
    from: { type: 'string' },
    schema: { type: 'string', default: 'public' },
    tables: { type: 'string' },
    'skip-unfit': { type: 'boolean', default: false },
    force: { type: 'boolean', default: false },
  } as const;
  const { values } = orUsage(() => parseArgs({ args: [...args], options }));
  const { name, from, schema, tables } = values;
  if (name === undefined || from === undefined)
    throw new SetupError(`--${name ? 'from' : 'name'} is missing: ${USAGE}`);
  if (!SOURCE_NAME.test(name) || name.length > 40 || name === 'index') {
    throw new SetupError(
      `--name is ${JSON.stringify(name)}: allowed are up to 40 lower-case letters, digits and single _, a letter first, and not "index"`,
    );
  }
  const connection = parseConnection(from, '--from');
  for (const [what, value] of [
    ['--schema', schema],
    ["--from's database", connection.database],
  ]) {
    if (!/^[A-Za-z0-9_$]+$/.test(value)) {
      throw new SetupError(
        `${what} is ${JSON.stringify(value)}: RDS exports only where names have letters, digits, $ and _`,
      );
    }
  }
  return {
    ...{ name, schema, from: connection, database: connection.database },
    ...{
      skipUnfit: values['skip-unfit'],
      force: values.force,
      tables: tables?.split(',').map((table) => table.trim()),
    },
  };
}

function orUsage<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new SetupError(`${(error as Error).message.split('. ')[0]}: ${USAGE}`);
  }
}

/** Reads a database's catalogue, in a transaction that can write nothing. @throws SetupError when it can't be reached */
async function catalogueOf(from: Connection, schema: string): Promise<CatalogueTable[]> {
  const client = new pg.Client({ connectionString: from.dsn, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined); // told by the query that meets it
  try {
    await client.connect();
    await client.query('begin transaction read only');
    return await readCatalogue(client, schema);
  } catch (error) {
    throw new SetupError(`${from.shown} can't be read: ${reason(error, from)}; correct --from, or let this machine in`);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/**
 * `npm run source -- new database`: writes contracts, source, config and dbt's models of a live PostgreSQL; all of them,
 * or, when something stands in the way, none. The database is only read, and its address is written nowhere.
 */
export async function newDatabase(args: readonly string[]): Promise<number> {
  const wanted = parseNewDatabase(args);
  const plan = planDatabase(await catalogueOf(wanted.from, wanted.schema), wanted, environmentNames, read);
  if (plan.refusals.length > 0) {
    for (const refusal of plan.refusals) console.error(refusal);
    console.error('Nothing was written.');
    return 1;
  }
  await write(plan.files);
  const { code } = await run(venv('python'), ['scripts/generate_dbt_sources.py']);
  for (const remark of plan.remarks) console.log(remark);
  console.log(
    `Written: ${Object.keys(plan.files).length} files. Read them, the classification of each column above all; then:`,
  );
  console.log(`npm run local -- --database ${wanted.name}=postgresql://…`);
  return code;
}
