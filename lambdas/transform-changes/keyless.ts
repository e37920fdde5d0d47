import { cast } from '../shared/cast';
import { readColumns, toldAs, type Fault, type Reader, type Values } from '../shared/columns';
import { form } from './form';
import { asText } from './key';
import type { DmsRecord } from './record';

/** What a change says of a table without a key: the row that arrived or left, and the one that made room for it. */
export interface RowChange {
  readonly values: Values;
  /** The whole row that an update replaced, a JSON object of texts and nulls. */
  readonly previous: string | null;
}

/**
 * Reads a change of a table without a key: a delete and an update have to tell the whole row that was there before. What
 * one half of an update leaves out (a long text that did not change), the other one has.
 */
export function rowChange(reader: Reader, record: DmsRecord): RowChange | Fault {
  const { operation } = record.metadata;
  const data = record.data ?? {};
  const before = record['before-image'] ?? {};
  switch (operation) {
    case 'insert':
      return whole(reader, data, null);
    case 'delete':
      return isTold(reader, { ...data, ...before })
        ? whole(reader, { ...data, ...before }, null)
        : imageless(reader, record);
    case 'update': {
      if (!isTold(reader, before)) return imageless(reader, record);
      const previous = textsOf(reader, { ...data, ...before });
      return 'reason' in previous ? previous : whole(reader, { ...before, ...data }, previous.json);
    }
    default:
      return {
        reason: `operation is ${JSON.stringify(operation)}; of a table without a key insert, update and delete are understood`,
        column: null,
      };
  }
}

function whole(reader: Reader, told: Readonly<Record<string, unknown>>, previous: string | null): RowChange | Fault {
  const values = readColumns(reader, told, form);
  return 'reason' in values ? values : { values, previous };
}

/** Whether the log kept the whole row: one that it did not keep has nulls, or nothing, where it has no values. */
function isTold({ columns }: Reader, image: Readonly<Record<string, unknown>>): boolean {
  const isThere = (column: Reader['columns'][number]) => (image[toldAs(column, image) ?? column.name] ?? null) !== null;
  return columns.some(isThere) && columns.every((column) => !column.required || isThere(column));
}

const imageless = ({ contract: { dataset } }: Reader, { metadata }: DmsRecord): Fault => ({
  reason:
    `${metadata.operation} does not tell the row that was there before, and ${dataset} has no key: ` +
    `alter table "${metadata['schema-name']}"."${metadata['table-name']}" replica identity full, or give it a primary key; ` +
    'a later snapshot mends what this one changed',
  column: null,
});

function textsOf({ columns }: Reader, told: Readonly<Record<string, unknown>>): { json: string } | Fault {
  const texts: Record<string, string | null> = {};
  for (const column of columns) {
    const value = cast(column, form(column, told[toldAs(column, told) ?? column.name] ?? null));
    if ('reason' in value) return { reason: `before-image: ${value.reason}`, column: column.name };
    texts[column.name] = value.json === 'null' ? null : asText(column.type, value.json);
  }
  return { json: JSON.stringify(texts) };
}
