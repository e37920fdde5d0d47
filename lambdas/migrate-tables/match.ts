import { namesOf } from '../shared/contract';
import type { TableColumn } from '../shared/tables';
import type { TableField } from './iceberg';

/** A column of the declaration beside the table's, if it has one. */
export interface Match {
  readonly column: TableColumn;
  readonly field?: TableField;
}

/** By name; a column that the table lacks takes the place of the latest former name that the table still has. */
export function matchColumns(columns: readonly TableColumn[], fields: readonly TableField[]): Match[] {
  const byName = new Map(fields.map((field) => [field.name, field]));
  const free = new Set(byName.keys());
  for (const column of columns) free.delete(column.name);
  return columns.map((column) => {
    const [, ...former] = namesOf(column);
    const name = byName.has(column.name) ? column.name : former.find((each) => free.has(each));
    if (name !== undefined) free.delete(name);
    return { column, field: name === undefined ? undefined : byName.get(name) };
  });
}
