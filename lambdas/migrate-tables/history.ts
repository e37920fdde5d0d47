import { createHash } from 'node:crypto';
import { CONTRACT_VERSION, type TableDeclaration } from '../shared/tables';

/** Property: fingerprints of the declarations that the table was brought to, oldest first. */
const HISTORY = 'moraine.history';
const HISTORY_LENGTH = 50;

/** The properties that a table gets: what it has, what is declared, and the declaration's place in its history. */
export function properties(table: TableDeclaration, current: Readonly<Record<string, string>> = {}) {
  const mark = fingerprint(table);
  const history = historyOf(current);
  if (history.at(-1) !== mark) history.push(mark);
  return { ...current, ...table.properties, [HISTORY]: history.slice(-HISTORY_LENGTH).join(',') };
}

/**
 * Whether a table has moved on since it was brought to this declaration, or is at a higher version of the contract.
 * CloudFormation does not say that it is rolling back: this is how a rollback is told from a dropped column.
 */
export function isOlder(table: TableDeclaration, current: Readonly<Record<string, string | undefined>>): boolean {
  const history = historyOf(current);
  const place = history.lastIndexOf(fingerprint(table));
  if (place >= 0 && place < history.length - 1) return true;
  return isLower(table.properties[CONTRACT_VERSION], current[CONTRACT_VERSION]);
}

const historyOf = (current: Readonly<Record<string, string | undefined>>): string[] =>
  (current[HISTORY] ?? '').split(',').filter((mark) => mark !== '');

/** Whether version `a` is lower than `b`, number by number; what is no `1.2.3` is lower than nothing. */
function isLower(a: string | undefined, b: string | undefined): boolean {
  const [x, y] = [a, b].map((version) =>
    /^(\d+)\.(\d+)\.(\d+)/
      .exec(version ?? '')
      ?.slice(1)
      .map(Number),
  );
  if (!x || !y) return false;
  const i = x.findIndex((part, place) => part !== y[place]);
  return i >= 0 && x[i] < y[i];
}

const fingerprint = (table: TableDeclaration): string =>
  createHash('sha256').update(JSON.stringify(table)).digest('hex').slice(0, 12);
