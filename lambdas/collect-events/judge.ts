import { toldAs, type Reader } from '../shared/columns';
import type { Envelope } from '../shared/envelope';
import { Digits } from '../shared/lossless';
import { MOST_RECORD_BYTES } from '../shared/put';
import { isObject, NoJson } from './request';

/** Objects and arrays within each other: what is deeper, readers further on could not follow. */
const MOST_DEPTH = 100;

/** An event that is not taken; sent again as it is, it is refused again. */
export interface Rejection {
  /** Its place in the request, from 0. */
  readonly index: number;
  /** The field, what it holds, what is allowed. */
  readonly reason: string;
}

/** What becomes of a request's events: each is in one of the two. */
export interface Judged {
  /** Records for the stream. */
  readonly records: readonly Uint8Array[];
  readonly rejected: readonly Rejection[];
  /** Whether size is all that is wrong with the rejected ones. */
  readonly onlyTooLarge: boolean;
}

/**
 * Puts each event in its envelope, or says why not: it is no object, lacks its key, holds a number that JSON readers
 * round, is nested too deeply, or is too large for Firehose. Whether it keeps its contract otherwise is seen later:
 * what breaks it goes to quarantine, where its owner finds it.
 */
export function judge(events: readonly unknown[], reader: Reader, about: Omit<Envelope, 'ordinal' | 'event'>): Judged {
  const records: Uint8Array[] = [];
  const rejected: Rejection[] = [];
  let tooLarge = 0;
  for (const [index, event] of events.entries()) {
    const reason = faultOf(event, reader);
    if (reason !== undefined) {
      rejected.push({ index, reason });
      continue;
    }
    const envelope = { ...about, ordinal: index, event };
    const record = Buffer.from(JSON.stringify(envelope));
    if (record.length <= MOST_RECORD_BYTES) {
      records.push(record);
    } else {
      tooLarge += 1;
      const bytes = `it takes ${record.length} bytes with its envelope`;
      rejected.push({ index, reason: `${bytes}; at most ${MOST_RECORD_BYTES} are allowed` });
    }
  }
  return { records, rejected, onlyTooLarge: rejected.length > 0 && tooLarge === rejected.length };
}

function faultOf(event: unknown, reader: Reader): string | undefined {
  if (event instanceof NoJson) return 'it is no JSON; send one JSON object a line';
  if (!isObject(event) || event instanceof Digits) return `it is ${kindOf(event)}; each event is a JSON object`;
  const keyless = keyFault(event, reader);
  return keyless ?? valueFault(event, '', 1);
}

const kindOf = (value: unknown): string =>
  value === null
    ? 'null'
    : Array.isArray(value)
      ? 'an array'
      : `a ${value instanceof Digits ? 'number' : typeof value}`;

/** Without its key an event sent twice would be two, and nobody could tell which. */
function keyFault(event: Record<string, unknown>, { contract, columns }: Reader): string | undefined {
  for (const column of columns.filter(({ isKey }) => isKey)) {
    const name = toldAs(column, event);
    const value = name === undefined ? undefined : event[name];
    if (value !== undefined && value !== null && value !== '') continue;
    const got = name === undefined ? `${column.name} is missing` : `${name} is ${JSON.stringify(value)}`;
    return `${got}; it is part of the key (${contract.key.join(', ')}), which every event has`;
  }
  return undefined;
}

/** What is wrong with a value or anything in it. */
function valueFault(value: unknown, path: string, depth: number): string | undefined {
  if (value instanceof Digits) {
    return `${path} is ${value.text.slice(0, 50)}, which has more digits than JSON readers keep; send it as a string`;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth > MOST_DEPTH)
    return `${path.slice(0, 50)}… is nested deeper than the ${MOST_DEPTH} levels that are allowed`;
  for (const [name, each] of Object.entries(value)) {
    const fault = valueFault(
      each,
      Array.isArray(value) ? `${path}[${name}]` : path ? `${path}.${name}` : name,
      depth + 1,
    );
    if (fault !== undefined) return fault;
  }
  return undefined;
}
