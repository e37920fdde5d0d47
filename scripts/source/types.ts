import type { CatalogueColumn } from './catalogue';

/** What a contract says of a column's type. */
export interface Mapped {
  /** ODCS's word, which says what kind of value it is. */
  readonly logical: 'boolean' | 'integer' | 'number' | 'date' | 'timestamp' | 'string';
  /** The platform's type. */
  readonly physical: string;
  /** What whoever reads the contract has to know: the type has no word of its own, or longer values are refused. */
  readonly remark?: string;
}

/** Redshift cuts longer strings. */
const LONGEST = 16_384;

const SAME: Record<string, Mapped> = {
  boolean: { logical: 'boolean', physical: 'boolean' },
  smallint: { logical: 'integer', physical: 'int' },
  integer: { logical: 'integer', physical: 'int' },
  bigint: { logical: 'integer', physical: 'bigint' },
  real: { logical: 'number', physical: 'double' },
  'double precision': { logical: 'number', physical: 'double' },
  date: { logical: 'date', physical: 'date' },
  'timestamp without time zone': { logical: 'timestamp', physical: 'timestamp' },
  'timestamp with time zone': { logical: 'timestamp', physical: 'timestamptz' },
};

/** Types without a word in contracts, and the longest text that PostgreSQL prints of one. */
const LENGTHS: Record<string, number> = {
  uuid: 36,
  'time without time zone': 15,
  'time with time zone': 24,
  inet: 43,
  cidr: 43,
  macaddr: 17,
  macaddr8: 23,
  oid: 10,
  name: 63,
  '"char"': 4,
};

const text = (length: number, remark?: string): Mapped => ({
  logical: 'string',
  physical: `varchar(${Math.min(length, LONGEST)})`,
  ...(remark && { remark }),
});
const unknown = (type: string, length: number): Mapped =>
  text(length, `${type} has no word in contracts: varchar(${length}), as PostgreSQL prints it`);

/**
 * The type of a contract that holds every value of a PostgreSQL type, as an RDS export writes it; a text that is longer
 * than 16,384 bytes goes to quarantine. Undefined for binary data, which an export gives as bytes and no type takes.
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.html#USER_ExportSnapshot.data-types
 */
export function typeOf({ type, labels }: CatalogueColumn): Mapped | undefined {
  if (type === 'bytea') return undefined;
  if (labels.length > 0) return text(Math.max(...labels.map((label) => label.length)));
  const [, name, first, second, rest] = /^(.*?)(?:\((\d+)(?:,(-?\d+))?\))?( with(?:out)? time zone)?$/.exec(type) ?? [];
  const plain = `${name}${rest ?? ''}`;
  const [size, scale] = [Number(first), Number(second ?? 0)];
  if (plain in SAME) return SAME[plain];
  if (plain in LENGTHS) return unknown(plain, LENGTHS[plain]);
  if (plain === 'numeric')
    return first === undefined ? unknown('numeric without a precision', LONGEST) : decimal(size, scale);
  if (plain === 'character varying' || plain === 'character') {
    if (first !== undefined && size <= LONGEST) return text(size);
    return text(LONGEST, unlimited(first === undefined ? `${plain} without a limit` : type));
  }
  if (plain === 'text') return text(LONGEST, unlimited('text'));
  return unknown(type, LONGEST);
}

const unlimited = (type: string): string =>
  `${type}: varchar(${LONGEST}), and a row with a longer value goes to quarantine`;

/** PostgreSQL allows more digits than anybody else, and a scale below zero or beyond the precision. */
function decimal(precision: number, scale: number): Mapped {
  if (precision <= 38 && scale >= 0 && scale <= precision) {
    return { logical: 'number', physical: `decimal(${precision},${scale})` };
  }
  // A sign, a point and the zero before it.
  return unknown(`numeric(${precision},${scale})`, Math.max(precision, scale) + Math.max(0, -scale) + 3);
}

/** `name = ANY (ARRAY['a'::text, …])`, which is how PostgreSQL prints `name in ('a', …)`, or `name = 'a'::text`. */
const IN_LIST =
  /^CHECK \(\(\(?"?\w+"?\)?(?:::[\w ]+)? = (?:ANY \(\(?ARRAY\[(.*?)\](?:\)::[\w ]+\[\])?\)|('(?:[^']|'')*'::[\w ]+))\)\)$/s;

/**
 * The values that a check constraint leaves a column: of `column in ('a', 'b')` only, as PostgreSQL prints that.
 * @returns undefined when it says anything else
 */
export function valuesOf(definition: string): string[] | undefined {
  const [, many, one] = IN_LIST.exec(definition) ?? [];
  const list = many ?? one ?? '';
  const texts = [...list.matchAll(/'((?:[^']|'')*)'::[\w ]+(?:, |$)/g)];
  // Whatever else stands in the list, a number or an expression, is left over.
  if (list === '' || texts.map(([whole]) => whole).join('') !== list) return undefined;
  return texts.map(([, text]) => text.replaceAll("''", "'"));
}
