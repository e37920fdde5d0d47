import { KEY, type TableColumn, type TableDeclaration } from '../shared/tables';
import { isOlder, properties } from './history';
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
  const reasons = [
    ...droppedColumns(state, matches),
    ...badTypes(matches),
    ...changedKey(table, state, matches),
    ...changedPartition(table, state, matches),
  ];
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

/** A column of the declaration beside the table's, if it has one. */
interface Match {
  readonly column: TableColumn;
  readonly field?: TableField;
}

/** By name; a column that the table lacks takes the place of the latest former name that the table still has. */
function matchColumns(columns: readonly TableColumn[], fields: readonly TableField[]): Match[] {
  const byName = new Map(fields.map((field) => [field.name, field]));
  const free = new Set(byName.keys());
  for (const column of columns) free.delete(column.name);
  return columns.map((column) => {
    const former = [...column.previousNames].reverse().find((name) => free.has(name));
    const name = byName.has(column.name) ? column.name : former;
    if (name !== undefined) free.delete(name);
    return { column, field: name === undefined ? undefined : byName.get(name) };
  });
}

function droppedColumns(state: TableState, matches: readonly Match[]): string[] {
  const kept = new Set(matches.map((match) => match.field?.id));
  return state.fields
    .filter((field) => !kept.has(field.id))
    .map(
      (field) =>
        `column ${field.name} is in the table and not in the contract; columns are never dropped: ` +
        `put it back, or list ${field.name} under previousNames of the column that took its place`,
    );
}

function badTypes(matches: readonly Match[]): string[] {
  return matches.flatMap(({ column, field }) =>
    !field || field.type === column.type || widens(field.type, column.type)
      ? []
      : [
          `column ${column.name} is ${field.type} in the table and ${column.type} in the contract; ` +
            'allowed are int to long, and a decimal of the same scale and a higher precision: ' +
            'put the type back, or add a column of another name',
        ],
  );
}

function changedKey(table: TableDeclaration, state: TableState, matches: readonly Match[]): string[] {
  const current = state.properties[KEY] as string | undefined;
  const renamed = new Map(matches.map((match) => [match.field?.name, match.column.name]));
  const key = current?.split(',').map((name) => renamed.get(name) ?? name);
  return key === undefined || key.join(',') === table.properties[KEY]
    ? []
    : [
        `the key is (${key.join(', ')}) in the table and (${table.properties[KEY].replaceAll(',', ', ')}) in the contract; ` +
          'a key never changes: put it back, or give the data another dataset name',
      ];
}

function changedPartition(table: TableDeclaration, state: TableState, matches: readonly Match[]): string[] {
  const source = matches.find((match) => match.column.name === table.partition.column)?.field;
  const same =
    state.partition.length === 1 &&
    state.partition[0].sourceId === source?.id &&
    state.partition[0].transform === table.partition.transform;
  if (same) return [];
  const current = state.partition.map(
    (p) => `${p.transform} of ${state.fields.find((field) => field.id === p.sourceId)?.name ?? String(p.sourceId)}`,
  );
  return [
    `the partition is ${current.join(', ') || 'none'} in the table and ${table.partition.transform} of ` +
      `${table.partition.column} in the contract; a table is not laid out anew: put bucketCount and the key back`,
  ];
}

/** Whether every value of one type is a value of the other, in Iceberg v2's promotions. */
function widens(from: string, to: string): boolean {
  if (from === 'int' && to === 'long') return true;
  const [a, b] = [from, to].map((type) => /^decimal\((\d+),(\d+)\)$/.exec(type));
  return a !== null && b !== null && a[2] === b[2] && Number(a[1]) <= Number(b[1]);
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
