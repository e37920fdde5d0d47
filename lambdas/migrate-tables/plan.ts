import type { TableColumn, TableDeclaration } from '../shared/tables';
import { isOlder, properties } from './history';
import { matchColumns, type Match } from './match';
import { refusals } from './refusals';
import { nestedIds, type TableField, type TableState } from './iceberg';

/** One change of a table. */
export type Step =
  | { readonly kind: 'add'; readonly column: string; readonly type: string }
  | { readonly kind: 'widen'; readonly column: string; readonly from: string; readonly to: string }
  | { readonly kind: 'rename'; readonly column: string; readonly from: string }
  | { readonly kind: 'describe'; readonly column: string }
  | { readonly kind: 'set'; readonly property: string; readonly value: string };

/** What is to be done to a table. */
export type Plan =
  | { readonly action: 'create' }
  | { readonly action: 'none'; readonly reason: 'as declared' | 'older contract' }
  | { readonly action: 'change'; readonly steps: readonly Step[]; readonly after: TableState }
  | { readonly action: 'refuse'; readonly reasons: readonly string[] };

/**
 * Compares a table with its declaration. Nothing is ever dropped, narrowed or laid out anew.
 *
 * An older declaration is accepted and nothing is done: CloudFormation does not say that it is rolling back, so a
 * declaration counts as older when the table was brought to it before and has moved on since, or when the contract's
 * version is lower than the table's. Any other declaration that lacks a column of the table is refused.
 */
export function plan(table: TableDeclaration, state: TableState | undefined): Plan {
  if (!state) return { action: 'create' };
  if (isOlder(table, state.properties)) return { action: 'none', reason: 'older contract' };

  const matches = matchColumns(table.columns, state.fields);
  const reasons = refusals(table, state, matches);
  if (reasons.length > 0) return { action: 'refuse', reasons };

  const wanted = properties(table, state.properties);
  const steps = [
    ...matches.flatMap(columnSteps),
    ...Object.entries(wanted)
      .filter(([name, value]) => state.properties[name] !== value)
      .map(([property, value]): Step => ({ kind: 'set', property, value })),
  ];
  if (steps.length === 0) return { action: 'none', reason: 'as declared' };
  return { action: 'change', steps, after: after(state, matches, wanted) };
}

function columnSteps({ column, field }: Match): Step[] {
  if (!field) return [{ kind: 'add', column: column.name, type: column.type }];
  const steps: Step[] = [];
  if (field.name !== column.name) steps.push({ kind: 'rename', column: column.name, from: field.name });
  if (field.type !== column.type) {
    steps.push({ kind: 'widen', column: column.name, from: field.type, to: column.type });
  }
  if (field.doc !== column.doc) steps.push({ kind: 'describe', column: column.name });
  return steps;
}

/** The state that the steps lead to: columns keep their ids and places, new ones come last. */
function after(state: TableState, matches: readonly Match[], wanted: Record<string, string>): TableState {
  const byId = new Map(matches.map((match) => [match.field?.id, match.column]));
  const kept = state.fields.map((field) => {
    const column = byId.get(field.id);
    return column ? { ...field, name: column.name, type: column.type, doc: column.doc } : field;
  });
  const added = newFields(
    matches.filter((match) => !match.field).map((match) => match.column),
    state.lastColumnId,
  );
  return {
    ...state,
    schemaId: state.schemaId + 1,
    fields: [...kept, ...added],
    lastColumnId: Math.max(state.lastColumnId, ...added.flatMap((field) => [field.id, ...field.nested])),
    properties: wanted,
  };
}

/** Gives new columns their ids: first the columns, then what is nested in them, as Iceberg numbers a new table. */
export function newFields(columns: readonly TableColumn[], lastId: number): TableField[] {
  let next = lastId + columns.length + 1;
  return columns.map(({ name, type, doc }, i) => ({
    id: lastId + i + 1,
    name,
    type,
    required: false,
    doc,
    nested: Array.from({ length: nestedIds(type) }, () => next++),
  }));
}
