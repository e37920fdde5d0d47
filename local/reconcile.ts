import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { databaseName } from '../lambdas/shared/platform';
import { datasetsOf } from '../lambdas/shared/source';
import { sources } from '../sources';
import { company } from './company';
import { databaseDsn, ledgerOf, type Given } from './databases';
import { REGION } from './parts';
import { WAREHOUSE, type Postgres } from './postgres';
import { ROOT, venv } from './toolchain';

/** Where the truth of each dataset stands: a table of its database, the sample's ledger of what it sent, or nowhere. */
const truth = (source: Postgres, given: Given): Record<string, { dsn: string; relation: string } | null> =>
  Object.fromEntries(
    sources.flatMap((declared) =>
      datasetsOf(declared).flatMap((dataset): [string, { dsn: string; relation: string } | null][] => {
        if (declared.kind === 'database') {
          return [[dataset, { dsn: databaseDsn(declared, given, source), relation: `${declared.schema}.${dataset}` }]];
        }
        // Without a ledger nobody has written down what was sent: silver is compared with gold only.
        const relation = company.ledger[dataset];
        return [[dataset, relation ? { dsn: `${source.dsn}/${ledgerOf(sources, given)}`, relation } : null]];
      }),
    ),
  );

/** The stores that are compared. */
export interface Stores {
  readonly source: Postgres;
  readonly given: Given;
  readonly warehouse: Postgres;
  readonly endpoint: string;
}

function python(input: string, ...args: string[]): boolean {
  return spawnSync(venv('python'), args, { cwd: ROOT, input, stdio: ['pipe', 'inherit', 'inherit'] }).status === 0;
}

/** What `local/reconcile.py` is told, through its standard input: a user's database has a password, which stands in no file. */
const config = ({ source, given, warehouse, endpoint }: Stores): string =>
  JSON.stringify({
    sources: truth(source, given),
    endpoint,
    region: REGION,
    silver_database: databaseName('local', 'silver'),
    warehouse: `${warehouse.dsn}/${WAREHOUSE}`,
    gold_schema: 'gold',
    models: join(ROOT, 'dbt', 'models'),
  });

/**
 * Compares every row of source, silver and gold, and counts what lies in quarantine.
 * @param since when the run began: what was put into quarantine after it is counted apart
 * @returns whether all are equal
 */
export function reconcile(stores: Stores, since: Date): boolean {
  const equal = python(config(stores), 'local/reconcile.py', '--contracts', 'contracts', '--config', '-');
  const quarantine = databaseName('local', 'quarantine');
  return python('', 'local/quarantine.py', stores.endpoint, REGION, quarantine, since.toISOString()) && equal;
}

/** Compares source and silver while both change. @returns whether each row that differed came to agree, or changed again */
export function reconcileLive(stores: Stores, datasets: readonly string[]): Promise<boolean> {
  const args = ['local/reconcile.py', '--contracts', 'contracts', '--config', '-', '--live', datasets.join(',')];
  const child = spawn(venv('python'), args, { cwd: ROOT, stdio: ['pipe', 'inherit', 'inherit'] });
  child.stdin.end(config(stores));
  return new Promise((done) => child.on('exit', (code) => done(code === 0)));
}
