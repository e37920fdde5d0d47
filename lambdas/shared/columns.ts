import { cast } from './cast';
import { namesOf, type Column, type Contract } from './contract';
import { stringifyLossless } from './lossless';

/** A contract made ready to read many rows by it. */
export interface Reader {
  readonly contract: Contract;
  readonly columns: readonly ReadColumn[];
}

interface ReadColumn extends Column {
  /** What it may be called, the newest name first. */
  readonly names: readonly string[];
  /** Its name as it begins a member of a JSON object. */
  readonly label: string;
  readonly isKey: boolean;
}

export const reader = (contract: Contract): Reader => ({
  contract,
  columns: contract.columns.map((column) => ({
    ...column,
    names: namesOf(column),
    label: `${JSON.stringify(column.name)}:`,
    isKey: contract.key.includes(column.name),
  })),
});

/** Why a row breaks its contract. */
export interface Fault {
  readonly reason: string;
  /** The column at fault, if it is one. */
  readonly column: string | null;
}

/** The contract's columns as a source told them. */
export interface Values {
  /** Every column of the contract as a member of a JSON object, in order; null where the source lacks it. */
  readonly members: readonly string[];
  /** Columns of the contract that the source does not tell, by their present names. */
  readonly absent: readonly ReadColumn[];
  /** What the source tells beyond the contract, a JSON object; null if nothing. */
  readonly rest: string | null;
  /** Names in `rest`. */
  readonly unknown: readonly string[];
}

/** The name by which a source tells a column; undefined when it tells none. */
export const toldAs = (column: ReadColumn, told: Readonly<Record<string, unknown>>): string | undefined =>
  column.names.find((name) => Object.hasOwn(told, name));

/**
 * Reads a contract's columns out of what a source told, each cast by its type. A source may be ahead of the contract,
 * or behind it: a renamed column is taken by a former name, the newest that is there.
 * @param form what the source's spelling of a value means, for a source that spells values in its own way
 */
export function readColumns(
  { columns }: Reader,
  told: Readonly<Record<string, unknown>>,
  form: (column: Column, value: unknown) => unknown = (_, value) => value,
): Values | Fault {
  const members: string[] = [];
  const absent: ReadColumn[] = [];
  const taken = new Set<string>();
  for (const column of columns) {
    const name = toldAs(column, told);
    if (name === undefined) {
      absent.push(column);
      members.push(`${column.label}null`);
      continue;
    }
    taken.add(name);
    const value = cast(column, form(column, told[name]));
    if ('reason' in value) return { reason: value.reason, column: column.name };
    members.push(column.label + value.json);
  }
  const names = Object.keys(told);
  if (names.length === taken.size) return { members, absent, rest: null, unknown: [] };
  const unknown = names.filter((name) => !taken.has(name));
  const rest = stringifyLossless(Object.fromEntries(unknown.map((name) => [name, told[name]])));
  return { members, absent, rest, unknown };
}

/** That a source does not tell a column which every row must have. */
export const absence = ({ name }: Column): Fault => ({ reason: `${name} is missing; it is required`, column: name });
