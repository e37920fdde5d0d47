import { namesOf, type Column, type Contract } from './contract';

/**
 * Sessions: a dataset that is computed from the events of another, in the pipeline, once they are in silver
 * (`glue-jobs/derive_sessions.py`). Events of a visitor that follow each other without a longer pause than `idleMinutes`
 * are one session. Its contract's key is the visitor's columns and `started_at`; it has `ended_at`, and `columns`.
 */
export interface SessionsSource {
  readonly kind: 'sessions';
  readonly name: string;
  readonly dataset: string;
  /** The dataset of the events. */
  readonly events: string;
  /** Columns of an event that say whose it is. An event in which one is empty belongs to no session. */
  readonly visitor: readonly string[];
  /** Column of an event that says when it happened. */
  readonly time: string;
  /** The longest pause within a session. @default 30, as in Google Analytics 4 */
  readonly idleMinutes?: number;
  /** The session's other columns, and what is taken of its events for each. */
  readonly columns: Readonly<Record<string, SessionColumn>>;
}

export type SessionColumn =
  /** A column's value in the first or last event that has one, by time, or its least or greatest value. */
  | { readonly take: 'first' | 'last' | 'min' | 'max'; readonly of: string; readonly where?: SessionEvents }
  /** How many events there are (`bigint`), or whether there is one (`boolean`). */
  | { readonly take: 'count' | 'any'; readonly of?: undefined; readonly where?: SessionEvents };

/** Only events that have one of these texts in each of these columns. @default - all of the session's */
export type SessionEvents = Readonly<Record<string, readonly string[]>>;

const TAKES: readonly string[] = ['first', 'last', 'min', 'max', 'count', 'any'] satisfies SessionColumn['take'][];
const TIMES = ['started_at', 'ended_at'];

/**
 * Checks a declaration against both contracts, so that no session can break its own.
 * @throws Error in one line: the value got, the values allowed, what to do.
 */
export function checkSessionsSource(source: SessionsSource, contracts: readonly Contract[]): void {
  const file = `sources/${source.name}.ts`;
  const { events, idleMinutes = 30 } = source;
  if (!(idleMinutes > 0 && idleMinutes <= 10_080)) {
    throw new Error(`${file}: idleMinutes is ${idleMinutes}: allowed are minutes above 0, to 10080 (a week)`);
  }
  const into = contractOf(source.dataset, file, contracts);
  const from = contractOf(events, file, contracts);
  if (source.visitor.length === 0) {
    throw new Error(`${file}: visitor is empty: name the columns of ${events} that say whose an event is`);
  }
  const time = column(from, source.time, `${file}: time`);
  if (typeOf(time) !== typeOf({ type: { name: 'timestamptz' } })) {
    throw new Error(`${file}: time is ${JSON.stringify(source.time)}, a ${time.type.name}; allowed is a timestamptz`);
  }
  const key = [...source.visitor, TIMES[0]].map((name) => column(into, name, `${file}: the key of ${into.dataset}`));
  if (JSON.stringify(key.map(({ name }) => name)) !== JSON.stringify(into.key)) {
    throw new Error(
      `contracts/${into.dataset}.odcs.yaml: the key is ${into.key.join(', ')}: that of sessions is the visitor's columns ` +
        `and started_at: ${key.map(({ name }) => name).join(', ')}. Change it, or visitor in ${file}`,
    );
  }
  for (const name of source.visitor) sameType(file, column(into, name, file), column(from, name, `${file}: visitor`));
  for (const name of TIMES) sameType(file, column(into, name, `${file}: sessions`), time);
  checkColumns(source, file, from, into);
}

function checkColumns({ columns, visitor }: SessionsSource, file: string, from: Contract, into: Contract): void {
  const told = new Set([...visitor, ...TIMES, ...Object.keys(columns)].map((name) => column(into, name, file).name));
  const untold = into.columns.find(({ name }) => !told.has(name));
  if (untold) {
    throw new Error(
      `${file}: columns has no ${untold.name}, which contracts/${into.dataset}.odcs.yaml has: say what to take for it`,
    );
  }
  for (const [name, taken] of Object.entries(columns)) {
    const at = `${file}: columns.${name}`;
    if (!TAKES.includes(taken.take)) {
      throw new Error(`${at}.take is ${JSON.stringify(taken.take)}: allowed are ${TAKES.join(', ')}`);
    }
    const target = column(into, name, at);
    if (into.key.includes(target.name) || target.name === TIMES[1]) {
      throw new Error(`${at} is a column that every session has: leave it out`);
    }
    for (const [where, values] of Object.entries(taken.where ?? {})) {
      const { type } = column(from, where, `${at}.where`);
      if (type.name !== 'varchar' || values.length === 0) {
        throw new Error(`${at}.where.${where}: allowed are columns of type varchar, with a list of texts`);
      }
    }
    checkType(at, target, taken, from);
  }
}

function checkType(at: string, target: Column, taken: SessionColumn, from: Contract): void {
  if (taken.of === undefined) {
    sameType(at, target, { type: { name: taken.take === 'count' ? 'bigint' : 'boolean' } });
    return;
  }
  const source = column(from, taken.of, `${at}.of`);
  sameType(at, target, source);
  if (target.required && (taken.where ?? !(source.required || from.key.includes(source.name)))) {
    throw new Error(`${at} can be empty, for not every session has such a value: take required away from its contract`);
  }
}

function contractOf(dataset: string, file: string, contracts: readonly Contract[]): Contract {
  const found = contracts.find((one) => one.dataset === dataset);
  if (found) return found;
  const names = contracts.map((one) => one.dataset).join(', ');
  throw new Error(`${file}: dataset ${JSON.stringify(dataset)} has no contract: there are ${names}; name one of them`);
}

/** A column by its present name, or a former one. */
function column(contract: Contract, name: string, at: string): Column {
  const found = contract.columns.find((one) => namesOf(one).includes(name));
  if (found) return found;
  const names = contract.columns.map((one) => one.name).join(', ');
  throw new Error(
    `${at}: ${JSON.stringify(name)} is no column of contracts/${contract.dataset}.odcs.yaml: there are ${names}`,
  );
}

const typeOf = ({ type }: Pick<Column, 'type'>): string =>
  JSON.stringify(type, ['name', 'length', 'precision', 'scale']);

function sameType(at: string, target: Column, source: Pick<Column, 'type'>): void {
  if (typeOf(target) === typeOf(source)) return;
  throw new Error(
    `${at}: ${target.name} is ${typeOf(target)} in its contract, and what is taken for it ${typeOf(source)}: give both one physicalType`,
  );
}
