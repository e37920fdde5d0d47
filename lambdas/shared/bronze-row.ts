import type { Fault, Values } from './columns';
import { databaseName } from './platform';

/** A row for a lake table, as JSON text, times in microseconds since 1970 UTC. */
export interface TableRow {
  readonly database: string;
  readonly table: string;
  readonly json: string;
  /** Why it goes to quarantine; undefined for a row of bronze. */
  readonly rejected?: string;
  /** Names of what the source told and the contract lacks; it is in `_rest`. */
  readonly unknown: readonly string[];
}

/** Where a row goes, and when. */
export interface Taking {
  /** Name of the environment. */
  readonly environment: string;
  readonly now: Date;
}

/** What bronze keeps of a change beside the contract's columns. */
export interface Change {
  readonly dataset: string;
  readonly op: 'upsert' | 'delete' | 'truncate';
  readonly position: string;
  /** Microseconds since 1970 UTC; null when the source does not tell. */
  readonly committedAt: bigint | number | null;
  /** Names of columns that the change does not carry. */
  readonly missing: readonly string[];
  /** Where it came from; `_origin` begins with the dataset, so that a row alone says where it belongs. */
  readonly origin: string;
  /** The key that the row had before, a JSON object of texts. @default - it kept its key */
  readonly previousKey?: string | null;
}

/** The row of `bronze.<dataset>` that a change becomes. */
export function bronzeRow(change: Change, values: Pick<Values, 'members' | 'rest' | 'unknown'>, to: Taking): TableRow {
  const own =
    `"_op":"${change.op}","_position":"${change.position}","_committed_at":${change.committedAt ?? null},` +
    `"_ingested_at":${to.now.getTime() * 1000},"_missing":${text(change.missing.join(',') || null)},` +
    `"_origin":${text(`${change.dataset}/${change.origin}`)},"_previous_key":${text(change.previousKey ?? null)},"_rest":${text(values.rest)}`;
  return {
    database: databaseName(to.environment, 'bronze'),
    table: change.dataset,
    json: `{${values.members.join(',')}${values.members.length > 0 ? ',' : ''}${own}}`,
    unknown: values.unknown,
  };
}

/** What is put into quarantine. */
export interface Rejected {
  readonly dataset: string;
  readonly fault: Fault;
  /** The row as it came, JSON. */
  readonly payload: string;
  /** @default - it has none */
  readonly position?: string | null;
  readonly origin: string;
}

/** Characters of a row that quarantine keeps: Redshift reads strings of at most 16,384 bytes. */
const MOST_PAYLOAD = 4000;

/** The row of `quarantine.rejected`. What is too long for it fails, for none of it may be lost. */
export function quarantineRow(rejected: Rejected, to: Taking): TableRow | { readonly failed: string } {
  if (rejected.payload.length > MOST_PAYLOAD) {
    // Without the reason's text, which has a value of the row: this goes to a log.
    const where = rejected.fault.column === null ? rejected.dataset : `${rejected.dataset}.${rejected.fault.column}`;
    return { failed: `${where} breaks its contract, and the row is too long for quarantine (${MOST_PAYLOAD})` };
  }
  return {
    database: databaseName(to.environment, 'quarantine'),
    table: 'rejected',
    json: JSON.stringify({
      dataset: rejected.dataset,
      reason: rejected.fault.reason,
      column_name: rejected.fault.column,
      payload: rejected.payload,
      _position: rejected.position ?? null,
      _origin: rejected.origin,
      _quarantined_at: to.now.getTime() * 1000,
    }),
    rejected: rejected.fault.reason,
    unknown: [],
  };
}

const text = (value: string | null): string => (value === null ? 'null' : JSON.stringify(value));
