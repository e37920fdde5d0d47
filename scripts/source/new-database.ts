import pg from 'pg';
import { environmentNames } from '../../config';
import { reason, type Connection } from '../../local/connection';
import { SetupError, venv } from '../../local/toolchain';
import { run } from '../process';
import { readCatalogue, type CatalogueTable } from './catalogue';
import { planDatabase } from './plan';
import { parseNewDatabase } from './wanted';
import { read, write } from './write';

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
