import { typeText, type Column } from './contract';
import { Digits, stringifyLossless } from './lossless';
import { expand } from './numbers';

/** A value that a table takes, as JSON text; or why it takes none. */
export type Cast = { readonly json: string } | { readonly reason: string };

/** Longest string that Redshift reads from an Iceberg table, in bytes. */
const MAX_BYTES = 16_384;
/** Characters of a number's text at most: a decimal has 38 digits, a double's power is at most 308. */
const MAX_DIGITS = 400;

const ALLOWED: Record<Column['type']['name'], string> = {
  boolean: 'true or false',
  int: 'a whole number from -2147483648 to 2147483647',
  bigint: 'a whole number from -9223372036854775808 to 9223372036854775807, as a number or a string',
  double: 'a number',
  decimal: 'a number, as a number or a string',
  date: 'a day such as 2026-01-31',
  timestamp: 'a time without zone such as 2026-01-31T12:00:00.000',
  timestamptz: 'a time with zone such as 2026-01-31T12:00:00.000Z',
  varchar: 'a string',
};

/**
 * Casts one JSON value (as `JSON.parse` or `parseLossless` gives it) to a column's type, by the rules that the loader
 * has too (`glue-jobs/common/casts.py`): no digit is lost, and a varchar's length counts characters. Times become microseconds since 1970 UTC, which is what
 * Firehose takes; digits beyond the microsecond are cut. Large numbers are written digit for digit.
 * @see https://docs.aws.amazon.com/firehose/latest/dev/apache-iceberg-destination-supp.html
 */
export function cast(column: Column, value: unknown): Cast {
  if (value === null || value === undefined) {
    return column.required ? { reason: `${column.name} is missing; it is required` } : { json: 'null' };
  }
  const json = castTo(column.type, value);
  return json === undefined
    ? { reason: `${column.name} is ${shown(value)}; ${typeText(column.type)} allows ${ALLOWED[column.type.name]}` }
    : { json };
}

function castTo(type: Column['type'], value: unknown): string | undefined {
  switch (type.name) {
    case 'boolean':
      return typeof value === 'boolean' ? String(value) : undefined;
    case 'int':
      return whole(value, 2n ** 31n);
    case 'bigint':
      return whole(value, 2n ** 63n);
    case 'double':
      return double(value);
    case 'decimal':
      return decimal(value, type.precision, type.scale);
    case 'date':
      return typeof value === 'string' && micros(`${value}T00:00:00Z`) !== undefined
        ? JSON.stringify(value)
        : undefined;
    case 'timestamp':
      return typeof value === 'string' ? micros(`${value}Z`)?.toString() : undefined;
    case 'timestamptz':
      return typeof value === 'string' ? micros(value)?.toString() : undefined;
    case 'varchar':
      return typeof value === 'string' && fits(value, type.length) ? JSON.stringify(value) : undefined;
  }
}

/** A whole number from `-limit` to `limit - 1`. */
function whole(value: unknown, limit: bigint): string | undefined {
  const text = numberText(value);
  if (text === undefined || !/^-?\d{1,20}(\.0+)?$/.test(text)) return undefined;
  const number = BigInt(text.replace(/\..*/, ''));
  return -limit <= number && number < limit ? number.toString() : undefined;
}

/** As a string, so that no reader takes it for a double. */
function decimal(value: unknown, precision: number, scale: number): string | undefined {
  const [, sign, digits, fraction = ''] = /^(-?)0*(\d*)(?:\.(\d*?)0*)?$/.exec(numberText(value) ?? 'none') ?? [];
  if (digits === undefined) return undefined;
  if (digits.length > precision - scale || fraction.length > scale) return undefined;
  return JSON.stringify(`${sign}${digits || '0'}${scale > 0 ? `.${fraction.padEnd(scale, '0')}` : ''}`);
}

/** The nearest double of a number; of a whole number, no other than itself. */
function double(value: unknown): string | undefined {
  const number = value instanceof Digits ? Number(value.text) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) return undefined;
  if (value instanceof Digits && /^-?\d+$/.test(value.text) && BigInt(value.text) !== BigInt(number)) return undefined;
  return JSON.stringify(number);
}

/** A JSON number, or a string that holds one, without a power of ten. */
function numberText(value: unknown): string | undefined {
  const text = typeof value === 'number' ? expand(String(value)) : value instanceof Digits ? expanded(value) : value;
  if (typeof text !== 'string' || text.length > MAX_DIGITS) return undefined;
  return /^-?\d+(\.\d+)?$/.test(text) ? text : undefined;
}

function expanded({ text }: Digits): string | undefined {
  const power = /e([+-]?\d+)$/i.exec(text)?.[1] ?? '0';
  return Math.abs(Number(power)) <= MAX_DIGITS ? expand(text) : undefined;
}

/** Whether a text has at most `length` characters (code points), and Redshift reads all its bytes. */
const fits = (text: string, length: number): boolean =>
  (text.length <= length || (text.length <= 2 * length && Array.from(text).length <= length)) &&
  (text.length <= MAX_BYTES / 3 || Buffer.byteLength(text) <= MAX_BYTES);

/** ISO 8601 with a zone → microseconds since 1970 UTC; undefined when it is none, or no such day. */
export function micros(text: string): bigint | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d(?::?\d\d)?)$/i.exec(text);
  if (!match) return undefined;
  const [year, month, day, hour, minute, second] = match
    .slice(1, 7)
    .map((part: string | undefined) => Number(part ?? 0));
  if (year === 0) return undefined;
  const time = new Date(0);
  time.setUTCFullYear(year, month - 1, day);
  if (time.getUTCMonth() !== month - 1 || time.getUTCDate() !== day) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  time.setUTCHours(hour, minute, second);
  const fraction = (match[7] as string | undefined)?.slice(0, 6).padEnd(6, '0') ?? '0';
  const minutes = zoneMinutes(match[8]);
  return minutes === undefined ? undefined : BigInt(time.getTime() - minutes * 60_000) * 1000n + BigInt(fraction);
}

function zoneMinutes(zone: string): number | undefined {
  if (zone.toUpperCase() === 'Z') return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(3).replace(':', '') || '0');
  if (hours > 18 || minutes > 59) return undefined;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}

const shown = (value: unknown): string => {
  const text = stringifyLossless(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
};
