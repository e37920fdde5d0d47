import { bronzeRow, quarantineRow, type Taking } from '../shared/bronze-row';
import { micros } from '../shared/cast';
import { absence, readColumns, type Fault, type Reader, type Values } from '../shared/columns';
import { isKeyless } from '../shared/contract';
import type { Outcome, StreamRecord } from '../shared/firehose';
import { form } from './form';
import { keyOf, movedFrom } from './key';
import { rowChange } from './keyless';
import { positionOf } from './position';
import type { DmsRecord, Metadata } from './record';
import { isOwn, readerOf, type Route } from './route';

/** A record on its way: what it says, how it says it, and where it came from. */
export interface Arrival {
  readonly record: DmsRecord;
  /** Its JSON. */
  readonly text: string;
  readonly origin: string;
}

const UPSERTS = ['load', 'insert', 'update'];

/**
 * The row that a record of DMS becomes: one of bronze, or one of quarantine with the reason. Nothing becomes of DMS's
 * own tables, and of control records that change no row.
 * @throws Error when a change does not tell where in the log it stands: without that it has no order.
 */
export function toRow(route: Route, arrival: Arrival, to: Taking): Outcome {
  const { metadata } = arrival.record;
  if (isOwn(metadata)) return 'dropped';
  const reader = readerOf(route, metadata);
  if (metadata['record-type'] === 'control') return control(route, reader, arrival, to);
  const position = positionOf(route.source, metadata);
  const reject = (fault: Fault): Outcome => rejected(reader, arrival, fault, position, to);
  if (!reader) return reject(unrouted(route, metadata));
  const { dataset } = reader.contract;
  const about = { dataset, position, origin: arrival.origin, committedAt: committedAt(metadata) };
  if (isKeyless(reader.contract)) {
    const change = rowChange(reader, arrival.record);
    if ('reason' in change) return reject(change);
    const op = metadata.operation === 'delete' ? 'delete' : 'upsert';
    return bronzeRow({ ...about, op, missing: [], previousKey: change.previous }, change.values, to);
  }
  const values = valuesOf(reader, arrival.record);
  if ('reason' in values) return reject(values);
  if (metadata.operation === 'delete') return bronzeRow({ ...about, op: 'delete', missing: [] }, values, to);
  const previousKey = movedFrom(reader, arrival.record);
  if (previousKey !== null && typeof previousKey === 'object') return reject(previousKey);
  // An insert carries every column that its table has: one that the source has dropped has no value, and is not to come.
  const missing = metadata.operation === 'update' ? values.absent.map(({ name }) => name) : [];
  return bronzeRow({ ...about, op: 'upsert', missing, previousKey }, values, to);
}

/** What the record tells of the row; of a delete, the key alone counts. */
function valuesOf(reader: Reader, { metadata: { operation }, data }: DmsRecord): Values | Fault {
  if (!data) return { reason: 'data is missing; a data record has the row in it', column: null };
  if (operation === 'delete') return keyOf(reader, data);
  if (!UPSERTS.includes(operation)) {
    const allowed = [...UPSERTS, 'delete'].join(', ');
    return { reason: `operation is ${JSON.stringify(operation)}; allowed are ${allowed}`, column: null };
  }
  const values = readColumns(reader, data, form);
  if ('reason' in values) return values;
  const lacking = values.absent.find(({ isKey, required }) => isKey || (required && operation !== 'update'));
  return lacking ? absence(lacking) : values;
}

/** A truncated table is emptied; a table that is gone or renamed is never taken for an empty one. */
function control(route: Route, reader: Reader | undefined, arrival: Arrival, to: Taking): Outcome {
  const { metadata } = arrival.record;
  if (!reader) return 'dropped';
  const { dataset } = reader.contract;
  switch (metadata.operation) {
    case 'truncate-table': {
      const position = positionOf(route.source, metadata);
      const about = { dataset, position, origin: arrival.origin, committedAt: committedAt(metadata) };
      const members = reader.columns.map(({ label }) => `${label}null`);
      return bronzeRow({ ...about, op: 'truncate', missing: [] }, { members, rest: null, unknown: [] }, to);
    }
    case 'drop-table':
    case 'rename-table': {
      const reason = `${metadata.operation} of ${dataset}: its rows stay; if it is gone for good, remove its contract`;
      return rejected(reader, arrival, { reason, column: null }, null, to);
    }
    default:
      return 'dropped';
  }
}

function rejected(
  reader: Reader | undefined,
  { record: { metadata }, text, origin }: Arrival,
  fault: Fault,
  position: string | null,
  to: Taking,
): Outcome {
  const dataset = reader?.contract.dataset ?? tableOf(metadata);
  return quarantineRow({ dataset, fault, payload: text.trim(), position, origin }, to);
}

const unrouted = ({ source, readers }: Route, metadata: Metadata): Fault => ({
  reason:
    `${tableOf(metadata)} has no contract; source ${source.name} captures ` +
    `${[...readers.keys()].map((table) => `${source.schema}.${table}`).join(', ')}. ` +
    `Write a contract and name it in sources/, or take the table out of the capture`,
  column: null,
});

const tableOf = (metadata: Metadata): string => `${metadata['schema-name']}.${metadata['table-name']}`;

/** When the change was committed; of a row that was loaded, when it was read. */
function committedAt(metadata: Metadata): bigint | null {
  return micros(metadata['commit-timestamp'] ?? metadata.timestamp ?? '') ?? null;
}

/**
 * Where a record of a Kinesis stream came from: the same for each of its deliveries.
 * @throws Error when the record comes from no Kinesis stream.
 */
export function originOf({ kinesisRecordMetadata: from }: StreamRecord): string {
  if (!from?.shardId || !from.sequenceNumber) {
    throw new Error("kinesisRecordMetadata is missing; the stream's source must be a Kinesis data stream");
  }
  const place = from.subsequenceNumber ?? '';
  return `kinesis/${from.shardId}/${from.sequenceNumber}${place === '' ? '' : `/${place}`}`;
}
