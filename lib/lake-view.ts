import type { ColumnType, Contract } from '../lambdas/shared/contract';
import { databaseName } from '../lambdas/shared/platform';

/** Name of Glue's catalogue in the SQL of Athena. A local Trino gives its catalogue the same. */
export const CATALOG = 'awsdatacatalog';

/** A column of a view: its type as Athena's SQL spells it, and as Glue's catalogue does. */
export interface LakeViewColumn {
  readonly name: string;
  readonly sqlType: string;
  readonly glueType: string;
  readonly doc: string;
}

/** The view of one dataset: what people may see of silver. */
export interface LakeView {
  readonly database: string;
  /** Name of the dataset. */
  readonly name: string;
  readonly description: string;
  readonly columns: readonly LakeViewColumn[];
  readonly sql: string;
}

/**
 * A dataset as it is now, by its contract: the contract's columns in the contract's order, without bookkeeping, of the
 * rows that exist and are whole (as `current_rows` in `dbt/dbt_project.yml`).
 *
 * Points in time (`timestamptz`) are shown as timestamps in UTC: Athena takes no time zones in views, nor in tables that
 * are made from a view.
 * @param environment its name
 * @see https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-supported-data-types.html
 */
export function lakeView(environment: string, contract: Contract): LakeView {
  const columns = contract.columns.map(({ name, type, description }) => ({
    name,
    ...typesOf(type),
    doc: description,
  }));
  const selected = contract.columns.map(({ name, type }) =>
    type.name === 'timestamptz'
      ? `CAST(${quoted(name)} AT TIME ZONE 'UTC' AS timestamp(6)) AS ${quoted(name)}`
      : quoted(name),
  );
  const silver = `${quoted(databaseName(environment, 'silver'))}.${quoted(contract.dataset)}`;
  return {
    database: databaseName(environment, 'lake'),
    name: contract.dataset,
    description: contract.description,
    columns,
    sql: `SELECT ${selected.join(', ')} FROM ${silver} WHERE NOT "_is_deleted" AND NOT "_incomplete"`,
  };
}

/**
 * A view as Glue's catalogue keeps those of Presto's family, which Athena and Trino are: JSON, in base64, in a comment.
 * It runs with the rights of who asks.
 * @see https://github.com/trinodb/trino/blob/476/plugin/trino-hive/src/main/java/io/trino/plugin/hive/ViewReaderUtil.java
 */
export function encodeView(view: LakeView): string {
  const definition = {
    originalSql: view.sql,
    catalog: CATALOG,
    schema: view.database,
    columns: view.columns.map(({ name, sqlType }) => ({ name, type: sqlType })),
    runAsInvoker: true,
  };
  return `/* Presto View: ${Buffer.from(JSON.stringify(definition)).toString('base64')} */`;
}

function typesOf(type: ColumnType): Pick<LakeViewColumn, 'sqlType' | 'glueType'> {
  switch (type.name) {
    case 'int':
      return { sqlType: 'integer', glueType: 'int' };
    case 'decimal': {
      const decimal = `decimal(${type.precision},${type.scale})`;
      return { sqlType: decimal, glueType: decimal };
    }
    case 'timestamp':
    case 'timestamptz':
      return { sqlType: 'timestamp(6)', glueType: 'timestamp' };
    case 'varchar':
      return { sqlType: 'varchar', glueType: 'string' };
    case 'boolean':
    case 'bigint':
    case 'double':
    case 'date':
      return { sqlType: type.name, glueType: type.name };
  }
}

/** An identifier, whatever SQL reserves. */
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
