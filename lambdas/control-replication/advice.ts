import type { DatabaseSource } from '../shared/source';

/** What usually keeps DMS from capturing the changes of an engine. */
const USUAL: Record<DatabaseSource['engine'], string> = {
  postgres:
    'rds.logical_replication is 1 (wal_level logical) and the database was restarted since; the user has rds_replication',
  mysql:
    'binlog_format is ROW and binlog_row_image FULL; binlog retention hours is set; the user has REPLICATION CLIENT and SLAVE',
  sqlserver: 'MS-CDC is on for the database (rds_cdc_enable_db) and its tables; the user is db_owner',
};

/** One line for a replication that does not run: its state, DMS's own words, and what to look at. */
export function explain(of: {
  readonly identifier: string;
  readonly status: string;
  readonly told: readonly string[];
  readonly engine: DatabaseSource['engine'];
}): string {
  const told = of.told.join('; ').replace(/\s+/g, ' ').trim();
  return (
    `Replication ${of.identifier} is ${of.status}${told ? `: ${told}` : ', and DMS says no reason'}. ` +
    `Check that its security group is let in to the database and the secret is right; that ${USUAL[of.engine]}. ` +
    `Then deploy again (docs/runbook.md#replication-stopped).`
  );
}
