import { z } from 'zod';
import { bronzeRow, quarantineRow, type Change, type Taking } from './bronze-row';
import { cast, type Cast } from './cast';
import { absence, toldAs, type Fault, type Reader } from './columns';
import type { Column } from './contract';
import type { Outcome } from './firehose';
import { Digits, parseLossless, stringifyLossless } from './lossless';
import { parsePosition } from './position';

/**
 * Rows that a transform has made before. What Firehose could not write into its table it gives back as the transform
 * made it, so a replay brings finished rows among the records as they came. They are told from those by their own
 * columns, which neither a record of DMS nor an envelope has at its top.
 */
const text = z.string().nullable();
const whole = z.union([z.int(), z.instanceof(Digits)]);

const finishedRow = z.looseObject({
  _op: z.enum(['upsert', 'delete', 'truncate']),
  _position: z.string(),
  _committed_at: whole.nullable(),
  _ingested_at: whole,
  _missing: text,
  _origin: z.string(),
  _previous_key: text,
  _rest: text,
});
const rejectedRow = z.object({
  dataset: z.string(),
  reason: z.string(),
  payload: z.string(),
  _position: text,
  _origin: z.string(),
  _quarantined_at: whole,
  /** Quarantine has it: `glue-jobs/replay_rows.py` says so of what it read there. */
  _kept: z.boolean().optional(),
});

/** A row of bronze. */
export type FinishedRow = z.infer<typeof finishedRow>;
/** A row of quarantine, whose payload may be taken once more. */
export type RejectedRow = z.infer<typeof rejectedRow>;

// Asked of every record of a stream: those that are no such row cost a look at one member.
export const asFinished = (value: unknown): FinishedRow | undefined =>
  has(value, '_op') ? finishedRow.safeParse(value).data : undefined;
export const asRejected = (value: unknown): RejectedRow | undefined =>
  has(value, '_quarantined_at') ? rejectedRow.safeParse(value).data : undefined;

const has = (value: unknown, name: string): boolean =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name);

/** How the rows of a stream are read again. */
export interface Rereading {
  /** How the datasets of the stream are read, by dataset. */
  readonly readers: ReadonlyMap<string, Reader>;
  /** How the source spells a value of `_rest`. */
  readonly form: (column: Column, value: unknown) => unknown;
  /** Whether a column that an upsert lacks is one that it does not carry (`_missing`); else it is null. */
  readonly partial: boolean;
}

const OWN = new Set(Object.keys(finishedRow.shape));
const ORIGIN = /^([^/]+)\/((?:kinesis|request)\/.+)$/s;

/**
 * A finished row by the contract as it is now: columns under their present names, `_rest` where the contract has caught up,
 * every value checked once more. Position and origin stay, so that it is the change that it was; it was ingested now.
 * @param json the row's JSON, for quarantine
 * @throws Error when the row does not tell its dataset, or that has no contract here.
 */
export function passOn(row: FinishedRow, json: string, { readers, form, partial }: Rereading, to: Taking): Outcome {
  const [, dataset, origin] = ORIGIN.exec(row._origin) ?? [];
  const reader = readers.get(dataset);
  if (!reader) {
    const here = [...readers.keys()].join(', ');
    throw new Error(`a finished row of ${dataset || 'no dataset'} has no contract here; there are ${here || 'none'}`);
  }
  parsePosition(row._position);
  const present = presentName(reader);
  const upsert = row._op === 'upsert';
  const rest = (row._rest === null ? {} : parseLossless(row._rest)) as Record<string, unknown>;
  const beyond = new Map(Object.entries(rest));
  for (const [name, value] of Object.entries(row)) if (!OWN.has(name)) beyond.set(name, value);
  const missing = new Set((row._missing ?? '').split(',').filter(Boolean).map(present));
  const reject = (fault: Fault): Outcome =>
    quarantineRow({ dataset, fault, payload: json.trim(), position: row._position, origin }, to);

  const members: string[] = [];
  for (const column of reader.columns) {
    const name = toldAs(column, row);
    const late = name === undefined && upsert ? toldAs(column, rest) : undefined;
    beyond.delete(name ?? late ?? '');
    if (name === undefined && late === undefined && upsert && partial) missing.add(column.name);
    const value = name !== undefined ? row[name] : late !== undefined ? form(column, rest[late]) : null;
    if (value === null) {
      const needed = upsert ? column.isKey || (column.required && !missing.has(column.name)) : column.isKey;
      if (needed && row._op !== 'truncate') return reject(absence(column));
      members.push(`${column.label}null`);
      continue;
    }
    const made = name === undefined ? cast(column, value) : recast(column, value);
    if ('reason' in made) return reject({ reason: made.reason, column: column.name });
    members.push(column.label + made.json);
  }
  if (!upsert) beyond.clear();
  const change: Change = {
    dataset,
    op: row._op,
    position: row._position,
    committedAt: row._committed_at === null ? null : BigInt(digits(row._committed_at)),
    missing: [...missing],
    origin,
    previousKey: row._previous_key === null ? null : renamed(row._previous_key, present),
  };
  const kept = beyond.size > 0 ? stringifyLossless(Object.fromEntries(beyond)) : null;
  return bronzeRow(change, { members, rest: kept, unknown: [...beyond.keys()] }, to);
}

/** The name that a column has now. */
const presentName =
  ({ columns }: Reader) =>
  (name: string): string =>
    columns.find(({ names }) => names.includes(name))?.name ?? name;

const renamed = (key: string, present: (name: string) => string): string =>
  JSON.stringify(
    Object.fromEntries(Object.entries(JSON.parse(key) as object).map(([name, value]) => [present(name), value])),
  );

const digits = (value: number | Digits): string => (value instanceof Digits ? value.text : String(value));

/** A value that `cast` made, cast again: times are microseconds by now, which `cast` takes from no source. */
function recast(column: Column, value: unknown): Cast {
  const { name } = column.type;
  if (name !== 'timestamp' && name !== 'timestamptz') return cast(column, value);
  const { data } = whole.safeParse(value);
  return data === undefined
    ? { reason: `${column.name} is ${stringifyLossless(value).slice(0, 100)}; a finished row has microseconds there` }
    : { json: digits(data) };
}
