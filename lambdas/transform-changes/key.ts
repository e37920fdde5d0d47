import { cast } from '../shared/cast';
import { absence, toldAs, type Fault, type Reader, type Values } from '../shared/columns';
import type { ColumnType } from '../shared/contract';
import { form } from './form';
import type { DmsRecord } from './record';

/** The key that a row tells, every other column null. */
export function keyOf({ columns }: Reader, told: Readonly<Record<string, unknown>>): Values | Fault {
  const members: string[] = [];
  for (const column of columns) {
    const name = column.isKey ? toldAs(column, told) : undefined;
    if (column.isKey && name === undefined) return absence(column);
    const value = name === undefined ? { json: 'null' } : cast(column, form(column, told[name]));
    if ('reason' in value) return { reason: value.reason, column: column.name };
    members.push(column.label + value.json);
  }
  return { members, absent: [], rest: null, unknown: [] };
}

/**
 * The whole key that a row had before an update moved it to another one: a JSON object of texts; null when it kept its
 * key. A before-image has at least those columns of the key that changed; null there means not told, for no key is null.
 */
export function movedFrom(reader: Reader, { data, 'before-image': before }: DmsRecord): string | null | Fault {
  if (!data || !before) return null;
  const old: Record<string, string> = {};
  let moved = false;
  for (const column of reader.columns.filter(({ isKey }) => isKey)) {
    const now = cast(column, form(column, data[toldAs(column, data) ?? column.name]));
    const was = toldAs(column, before);
    const then = was === undefined || before[was] === null ? now : cast(column, form(column, before[was]));
    if ('reason' in then) return { reason: `before-image: ${then.reason}`, column: column.name };
    if ('reason' in now) return { reason: now.reason, column: column.name };
    moved ||= then.json !== now.json;
    old[column.name] = asText(column.type, then.json);
  }
  return moved ? JSON.stringify(old) : null;
}

/** What `cast` gives, as text that the merge reads by the column's type (`glue-jobs/common/casts.py`). */
export function asText(type: ColumnType, json: string): string {
  if (type.name === 'timestamp' || type.name === 'timestamptz') return timeText(type.name, BigInt(json));
  return json.startsWith('"') ? (JSON.parse(json) as string) : json;
}

function timeText(name: 'timestamp' | 'timestamptz', micros: bigint): string {
  const fraction = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const second = new Date(Number((micros - fraction) / 1000n)).toISOString().slice(0, 19);
  return `${second}.${fraction.toString().padStart(6, '0')}${name === 'timestamptz' ? 'Z' : ''}`;
}
