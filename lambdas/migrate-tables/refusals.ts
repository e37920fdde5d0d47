import { z } from 'zod';
import { KEY, LENGTHS, type TableColumn, type TableDeclaration } from '../shared/tables';
import type { TableState } from './iceberg';
import type { Match } from './match';

/** Why a table can't be brought to its declaration, if it can't: what was got, what is allowed, what to do. */
export const refusals = (table: TableDeclaration, state: TableState, matches: readonly Match[]): string[] => [
  ...droppedColumns(state, matches),
  ...addedRequired(matches),
  ...badTypes(table, matches),
  ...shorterTexts(table, state, matches),
  ...changedKey(table, state, matches),
  ...changedPartition(table, state, matches),
];

const lengths = z.record(z.string(), z.int());

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

function addedRequired(matches: readonly Match[]): string[] {
  return matches
    .filter(({ column, field }) => !field && column.required)
    .map(
      ({ column }) =>
        `column ${column.name} is new and required, and no row of the table has it; allowed is an optional one: ` +
        'leave required out, or, if it is another column renamed, list that one under previousNames',
    );
}

function badTypes(table: TableDeclaration, matches: readonly Match[]): string[] {
  return matches.flatMap(({ column, field }) =>
    !field || field.type === column.type || widens(field.type, column.type)
      ? []
      : [
          `column ${column.name} is ${field.type} in the table and ${column.type} in the contract; ` +
            'allowed are int to long, and a decimal of the same scale and a higher precision: ' +
            `put the type back, or ${instead(table, column)}`,
        ],
  );
}

/** What to do in place of another type: a key can't be moved to another column. */
const instead = (table: TableDeclaration, column: TableColumn): string =>
  keyOf(table.properties[KEY]).includes(column.name)
    ? 'describe the data as a new dataset: a column of the key never gets another type'
    : 'add a column of another name';

function shorterTexts(table: TableDeclaration, state: TableState, matches: readonly Match[]): string[] {
  const [before, after] = [state, table].map(({ properties: { [LENGTHS]: text = '{}' } }) =>
    lengths.parse(JSON.parse(text)),
  );
  return matches.flatMap(({ column, field }) => {
    const [from, to] = [before[field?.name ?? ''], after[column.name]] as (number | undefined)[];
    return from === undefined || to === undefined || to >= from
      ? []
      : [
          `column ${column.name} is varchar(${from}) in the table and varchar(${to}) in the contract; ` +
            'allowed is a longer one: put the length back, or add a column of another name',
        ];
  });
}

function changedKey(table: TableDeclaration, state: TableState, matches: readonly Match[]): string[] {
  const current = state.properties[KEY] as string | undefined;
  const renamed = new Map(matches.map((match) => [match.field?.name, match.column.name]));
  const key = current === undefined ? undefined : keyOf(current).map((name) => renamed.get(name) ?? name);
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

const keyOf = (property: string): string[] => property.split(',');

/** Whether every value of one type is a value of the other, in Iceberg v2's promotions. */
function widens(from: string, to: string): boolean {
  if (from === 'int' && to === 'long') return true;
  const [a, b] = [from, to].map((type) => /^decimal\((\d+),(\d+)\)$/.exec(type));
  return a !== null && b !== null && a[2] === b[2] && Number(a[1]) <= Number(b[1]);
}
