import { isKeyless, type ColumnType, type Contract } from './contract';

/** A type as Iceberg's specification spells it. The only nested one in use is `map<string,string>`. */
export type IcebergType = string;

/** A column of a lake table. All are optional: a tombstone has only its key. */
export interface TableColumn {
  readonly name: string;
  readonly type: IcebergType;
  readonly doc: string;
  /** Former names, oldest first. */
  readonly previousNames: readonly string[];
  /** The contract lets no row be without it; the table itself does, see above. */
  readonly required?: true;
}

/** How the files of a lake table are laid out: one field. */
export interface TablePartition {
  readonly column: string;
  /** As Iceberg spells it: `day`, `bucket[16]`. */
  readonly transform: string;
}

/** A lake table as it should be. */
export interface TableDeclaration {
  readonly layer: 'bronze' | 'silver' | 'quarantine';
  readonly name: string;
  readonly columns: readonly TableColumn[];
  readonly partition: TablePartition;
  readonly properties: Readonly<Record<string, string>>;
}

/** Property: version of the contract that a table was last brought to. */
export const CONTRACT_VERSION = 'moraine.contract-version';
/** Property: names of the key's columns, comma-separated. */
export const KEY = 'moraine.key';

/** Property: the longest texts that a contract allows, which Iceberg's type does not say: JSON, column → length. */
export const LENGTHS = 'moraine.lengths';

/** The type in which a contract's column is stored. */
export function icebergType(type: ColumnType): IcebergType {
  switch (type.name) {
    case 'bigint':
      return 'long';
    case 'varchar':
      return 'string';
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`;
    default:
      return type.name;
  }
}

/**
 * `bronze.<dataset>`: one row for each thing a source told, appended only, partitioned by the day of ingestion.
 * @see https://iceberg.apache.org/docs/1.10.0/configuration/#write-properties
 */
export function bronzeTable(contract: Contract): TableDeclaration {
  return {
    layer: 'bronze',
    name: contract.dataset,
    columns: [
      ...contractColumns(contract),
      column('_op', 'string', 'upsert, delete or truncate.'),
      column('_position', 'string', 'Where the change stands in the order of its source.'),
      column('_committed_at', 'timestamptz', 'When the source made the change.'),
      column('_ingested_at', 'timestamptz', 'When the platform took it.'),
      column('_missing', 'string', 'Columns that the change does not carry, comma-separated; empty if it carries all.'),
      column('_origin', 'string', 'Where exactly it came from; two deliveries of one change have one origin.'),
      column('_previous_key', 'string', 'The key that the row had before the change, JSON; null if it kept its key.'),
      column('_rest', 'string', 'What the source told and the contract does not know, JSON; null if nothing.'),
    ],
    partition: { column: '_ingested_at', transform: 'day' },
    properties: { ...HOUSEKEEPING, ...contractProperties(contract) },
  };
}

/**
 * `silver.<dataset>`: one row for each key as it is now, bucketed by the first key column, merged on read. Without a key,
 * one for each copy of a row.
 */
export function silverTable(contract: Contract): TableDeclaration {
  return {
    layer: 'silver',
    name: contract.dataset,
    columns: [
      ...contractColumns(contract),
      ...(isKeyless(contract) ? ROW_KEY_COLUMNS : []),
      column('_position', 'string', 'Position of the newest change to the row.'),
      column('_is_deleted', 'boolean', 'The row is a tombstone.'),
      column('_incomplete', 'boolean', 'Some column of the living row has never been told.'),
      column('_merged_at', 'timestamptz', 'When the row was last merged.'),
      column('_column_positions', 'map<string,string>', 'Stamps of the columns that differ from the row’s own.'),
    ],
    partition: { column: contract.key[0], transform: `bucket[${contract.bucketCount}]` },
    properties: {
      ...HOUSEKEEPING,
      'write.delete.mode': 'merge-on-read',
      'write.update.mode': 'merge-on-read',
      'write.merge.mode': 'merge-on-read',
      'write.delete.granularity': 'file',
      'write.distribution-mode': 'hash',
      ...contractProperties(contract),
    },
  };
}

/** `quarantine.rejected`: rows of all datasets that broke their contract, each with its reason. */
export function quarantineTable(): TableDeclaration {
  return {
    layer: 'quarantine',
    name: 'rejected',
    columns: [
      column('dataset', 'string', 'The dataset that the row was meant for.'),
      column('reason', 'string', 'Why it was rejected: the value got and what is allowed.'),
      column('column_name', 'string', 'The column at fault, if it is one.'),
      column('payload', 'string', 'The row as it came, JSON.'),
      column('_position', 'string', 'Its position, if it had one.'),
      column('_origin', 'string', 'Where exactly it came from.'),
      column('_quarantined_at', 'timestamptz', 'When it was put here.'),
    ],
    partition: { column: '_quarantined_at', transform: 'day' },
    properties: HOUSEKEEPING,
  };
}

/**
 * `quarantine.reconciliation`: how each snapshot export of a database compared with silver, a row for each range of the
 * key. Loads of many datasets append to it at once.
 */
export function reconciliationTable(): TableDeclaration {
  return {
    layer: 'quarantine',
    name: 'reconciliation',
    columns: [
      column('dataset', 'string', 'The dataset that was compared.'),
      column('compared_at', 'timestamptz', 'When it was compared.'),
      column('export_id', 'string', 'The export.'),
      column('taken_at', 'timestamptz', 'When its snapshot was taken.'),
      column('position', 'string', 'Where the snapshot stands in the order of its source.'),
      column('beside_stream', 'boolean', 'A stream should have delivered all that differs.'),
      column('key_range', 'int', 'Number of the range, from 0.'),
      column('key_from', 'string', 'The lowest first column of a key in it, as text; null: there is none lower.'),
      column('key_to', 'string', 'Where the next range begins; null: it is the last.'),
      column('source_rows', 'long', 'Rows of the export that could be compared.'),
      column('silver_rows', 'long', 'Living rows of silver that could be compared.'),
      column('in_flight', 'long', 'Keys of which silver knew anything newer: on neither side.'),
      column('source_hash', 'long', 'Exclusive or of the hashes of the export’s rows; null: none.'),
      column('silver_hash', 'long', 'The same of silver’s rows.'),
      column('missing', 'long', 'Rows that silver lacked.'),
      column('extra', 'long', 'Rows that silver had and the export lacked.'),
      column('different', 'long', 'Rows that both had, with other values.'),
    ],
    partition: { column: 'compared_at', transform: 'day' },
    properties: { ...HOUSEKEEPING, 'commit.retry.num-retries': '20' },
  };
}

/** Every lake table that the contracts ask for, in the order in which they are made. */
export function allTables(contracts: readonly Contract[]): TableDeclaration[] {
  const ofContracts = contracts.flatMap((contract) => [bronzeTable(contract), silverTable(contract)]);
  return [...ofContracts, quarantineTable(), reconciliationTable()];
}

/** Old metadata files go as new ones come: Firehose commits every minute. Snapshots are not touched by this. */
const HOUSEKEEPING = {
  'write.metadata.delete-after-commit.enabled': 'true',
  'write.metadata.previous-versions-max': '100',
};

const contractProperties = (contract: Contract): Record<string, string> => ({
  [CONTRACT_VERSION]: contract.version,
  [KEY]: contract.key.join(','),
  [LENGTHS]: JSON.stringify(
    Object.fromEntries(
      contract.columns.flatMap(({ name, type }) => (type.name === 'varchar' ? [[name, type.length]] : [])),
    ),
  ),
});

const contractColumns = (contract: Contract): TableColumn[] =>
  contract.columns.map(({ name, type, description, previousNames, required }) => ({
    name,
    type: icebergType(type),
    doc: description,
    previousNames,
    ...(required && { required }),
  }));

const column = (name: string, type: IcebergType, doc: string): TableColumn => ({ name, type, doc, previousNames: [] });

const ROW_KEY_COLUMNS: readonly TableColumn[] = [
  column('_row_hash', 'string', 'Hash of the row’s values, which stands for a key together with _row_copy.'),
  column('_row_copy', 'string', 'Where this copy of the row arrived, or, with a - behind it, where one left.'),
];
