import { namesOf, type Contract } from '../shared/contract';
import type { Envelope } from '../shared/envelope';
import { databaseName } from '../shared/platform';
import { formatPosition } from '../shared/position';
import { cast } from './cast';

/** A row for a lake table, as JSON text. */
export interface TableRow {
  readonly database: string;
  readonly table: string;
  readonly json: string;
  /** Why the event broke its contract; undefined when it kept it. */
  readonly rejected?: string;
  /** Fields of the event that the contract does not know. They are not stored. */
  readonly unknown: readonly string[];
}

/** Characters of an event that a quarantine row keeps: Redshift reads strings of at most 16,384 bytes. */
const MOST_PAYLOAD = 4000;

/**
 * The row that an event becomes: one of bronze, or one of quarantine with the reason.
 * An event carries all its columns, so a column that it lacks is null, not missing. Fields beyond the contract are
 * ignored: senders may be ahead of it. They may be behind it too: a renamed column is taken by its former name.
 */
export function toRow(contract: Contract | undefined, envelope: Envelope, environment: string, now: Date): TableRow {
  const event = envelope.event;
  if (!contract) {
    const known = `${envelope.dataset} has no contract; deploy one, or correct the collector`;
    return quarantined(envelope, environment, now, known, null);
  }
  const members: string[] = [];
  const taken = new Set<string>();
  for (const column of contract.columns) {
    const name = namesOf(column).find((each) => Object.hasOwn(event, each));
    if (name !== undefined) taken.add(name);
    const value = cast(column, name === undefined ? null : event[name]);
    if ('reason' in value) return quarantined(envelope, environment, now, value.reason, column.name);
    members.push(`${JSON.stringify(column.name)}:${value.json}`);
  }
  members.push(
    '"_op":"upsert"',
    `"_position":"${position(envelope)}"`,
    `"_committed_at":${envelope.received_at}`,
    `"_ingested_at":${now.getTime() * 1000}`,
    '"_missing":null',
    `"_origin":${JSON.stringify(origin(envelope))}`,
  );
  return {
    database: databaseName(environment, 'bronze'),
    table: contract.dataset,
    json: `{${members.join(',')}}`,
    unknown: Object.keys(event).filter((name) => !taken.has(name)),
  };
}

function quarantined(
  envelope: Envelope,
  environment: string,
  now: Date,
  reason: string,
  column: string | null,
): TableRow {
  const row = {
    dataset: envelope.dataset,
    reason,
    column_name: column,
    payload: JSON.stringify(envelope.event).slice(0, MOST_PAYLOAD),
    _position: position(envelope),
    _origin: origin(envelope),
    _quarantined_at: now.getTime() * 1000,
  };
  return {
    database: databaseName(environment, 'quarantine'),
    table: 'rejected',
    json: JSON.stringify(row),
    rejected: reason,
    unknown: [],
  };
}

const position = ({ received_at, ordinal }: Envelope): string =>
  formatPosition({ epoch: 0n, log: BigInt(received_at), ordinal: BigInt(ordinal) });

/** The request and the place in it: the same for each delivery of one event. */
const origin = ({ request_id, ordinal }: Envelope): string => `request/${request_id}/${ordinal}`;
