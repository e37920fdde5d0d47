import type { Column } from '../shared/contract';
import { Digits } from '../shared/lossless';

const NUMBER = /^\+?(-?)(\d*)(?:\.(\d*))?(e[+-]?\d+)?$/i;
const MIDNIGHT = /[T ]00:00:00(?:\.0+)?Z?$/;

/**
 * A value as DMS spells it, in the spelling that `cast` takes. DMS knows fewer types than databases have:
 * - PostgreSQL's boolean is text of five characters, MySQL's `tinyint(1)` a number, a bit may be either;
 * - every date with a time is DATETIME, written with `Z`, whether the column has a zone or not;
 * - numbers may be numbers or texts, with a power too; SQL Server's `datetimeoffset` has a space before its zone.
 *
 * What is none of these stays as it is, for `cast` to take or refuse.
 * @see https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Source.PostgreSQL.html#CHAP_Source-PostgreSQL-DataTypes
 */
export function form({ type }: Pick<Column, 'type'>, value: unknown): unknown {
  switch (type.name) {
    case 'boolean':
      return boolean(value);
    case 'int':
    case 'bigint':
    case 'decimal':
    case 'double':
      return typeof value === 'string' ? number(value) : value;
    case 'date':
      return typeof value === 'string' ? value.replace(MIDNIGHT, '') : value;
    case 'timestamp':
      return typeof value === 'string' ? value.replace(/Z$/, '') : value;
    case 'timestamptz':
      return typeof value === 'string' ? value.replace(/ ([+-]\d\d:\d\d)$/, '$1') : value;
    case 'varchar':
      return wholeNumber(value);
  }
}

function boolean(value: unknown): unknown {
  if (value === 1 || value === 0) return value === 1;
  if (typeof value !== 'string') return value;
  if (/^(t|true|1)$/i.test(value)) return true;
  return /^(f|false|0)$/i.test(value) ? false : value;
}

function number(text: string): unknown {
  const [, sign, whole, fraction = '', power = ''] = NUMBER.exec(text) ?? [];
  if (whole === undefined || whole + fraction === '') return text;
  return new Digits(`${sign}${whole || '0'}${fraction && `.${fraction}`}${power}`);
}

/** A whole number in a column that the contract has as text; the loader of exports takes it too. */
function wholeNumber(value: unknown): unknown {
  if (value instanceof Digits) return /^-?\d+$/.test(value.text) ? value.text : value;
  return Number.isSafeInteger(value) ? String(value) : value;
}
