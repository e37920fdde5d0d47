import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { databaseName } from '../lambdas/shared/platform';
import { datasetsOf } from '../lambdas/shared/source';
import { sources } from '../sources';
import { company } from './company';
import { ledger } from './feed';
import { REGION } from './parts';
import { WAREHOUSE, type Postgres } from './postgres';
import { ROOT, venv } from './toolchain';

/** Where the truth of each dataset stands: a table of its database, or the sample's ledger of what it sent. */
const truth = (source: Postgres): Record<string, { dsn: string; relation: string }> =>
  Object.fromEntries(
    sources.flatMap((declared) =>
      datasetsOf(declared).flatMap((dataset) => {
        if (declared.kind === 'database') {
          return [[dataset, { dsn: `${source.dsn}/${declared.database}`, relation: `${declared.schema}.${dataset}` }]];
        }
        // Without a ledger nobody has written down what was sent: there is nothing to compare with.
        const relation = company.ledger[dataset];
        return relation ? [[dataset, { dsn: `${source.dsn}/${ledger()}`, relation }]] : [];
      }),
    ),
  );

/**
 * Compares every row of source, silver and gold, and counts what lies in quarantine.
 * @param since when the run began: what was put into quarantine after it is counted apart
 * @returns whether all are equal
 */
export function reconcile(
  state: string,
  source: Postgres,
  warehouse: Postgres,
  endpoint: string,
  since: Date,
): boolean {
  const config = join(state, 'reconcile.json');
  writeFileSync(
    config,
    JSON.stringify({
      sources: truth(source),
      endpoint,
      region: REGION,
      silver_database: databaseName('local', 'silver'),
      warehouse: `${warehouse.dsn}/${WAREHOUSE}`,
      gold_schema: 'gold',
      models: join(ROOT, 'dbt', 'models'),
    }),
  );
  const python = (...args: string[]) => spawnSync(venv('python'), args, { cwd: ROOT, stdio: 'inherit' }).status === 0;
  const equal = python('local/reconcile.py', '--contracts', 'contracts', '--config', config);
  return (
    python('local/quarantine.py', endpoint, REGION, databaseName('local', 'quarantine'), since.toISOString()) && equal
  );
}
