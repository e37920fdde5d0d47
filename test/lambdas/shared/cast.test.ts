import fc from 'fast-check';
import { cast, micros } from '../../../lambdas/shared/cast';
import type { ColumnType } from '../../../lambdas/shared/contract';
import { Digits } from '../../../lambdas/shared/lossless';
import { column } from '../fakes';

describe('cast', () => {
  const no = 'refused';
  it.each<[ColumnType, unknown, string]>([
    [{ name: 'boolean' }, true, 'true'],
    [{ name: 'boolean' }, 'true', no],
    [{ name: 'int' }, 2147483647, '2147483647'],
    [{ name: 'int' }, 2147483648, no],
    [{ name: 'int' }, 1.5, no],
    [{ name: 'int' }, '12', '12'],
    [{ name: 'int' }, '', no],
    [{ name: 'bigint' }, '9223372036854775807', '9223372036854775807'],
    [{ name: 'bigint' }, '9223372036854775808', no],
    [{ name: 'bigint' }, '-9223372036854775808', '-9223372036854775808'],
    [{ name: 'bigint' }, 1e3, '1000'],
    [{ name: 'bigint' }, new Digits('9007199254740993'), '9007199254740993'],
    [{ name: 'bigint' }, new Digits('1e999999999'), no],
    [{ name: 'decimal', precision: 38, scale: 20 }, new Digits('0.12345678901234567891'), '"0.12345678901234567891"'],
    [{ name: 'decimal', precision: 38, scale: 20 }, new Digits('1.2345678901234567e-4'), '"0.00012345678901234567"'],
    [{ name: 'decimal', precision: 38, scale: 0 }, '0'.repeat(1_000_000), no],
    [{ name: 'double' }, 1.5e300, '1.5e+300'],
    [{ name: 'double' }, '1.5', no],
    [{ name: 'double' }, new Digits('1.1000000000000001'), '1.1'],
    [{ name: 'double' }, new Digits('9007199254740993'), no],
    [{ name: 'double' }, new Digits('1e400'), no],
    [{ name: 'double' }, Infinity, no],
    [{ name: 'decimal', precision: 5, scale: 2 }, 123.4, '"123.40"'],
    [{ name: 'decimal', precision: 5, scale: 2 }, '-0.5', '"-0.50"'],
    [{ name: 'decimal', precision: 5, scale: 2 }, 0, '"0.00"'],
    [{ name: 'decimal', precision: 5, scale: 2 }, '1.500', '"1.50"'],
    [{ name: 'decimal', precision: 5, scale: 2 }, 1234.5, no],
    [{ name: 'decimal', precision: 5, scale: 2 }, 1.234, no],
    [{ name: 'decimal', precision: 5, scale: 2 }, '-', no],
    [{ name: 'decimal', precision: 9, scale: 8 }, 1e-7, '"0.00000010"'],
    [
      { name: 'decimal', precision: 38, scale: 0 },
      '12345678901234567890123456789012345678',
      '"12345678901234567890123456789012345678"',
    ],
    [{ name: 'date' }, '2026-02-28', '"2026-02-28"'],
    [{ name: 'date' }, '2026-02-29', no],
    [{ name: 'date' }, '2026-2-8', no],
    [{ name: 'date' }, '0000-01-01', no],
    [{ name: 'timestamp' }, '2026-11-20T06:00:00.123456', '1795154400123456'],
    [{ name: 'timestamp' }, '2026-11-20T06:00:00Z', no],
    [{ name: 'timestamptz' }, '2026-11-20 06:00:00+00', '1795154400000000'],
    [{ name: 'timestamptz' }, '2026-11-20T06:00:00.123456789Z', '1795154400123456'],
    [{ name: 'timestamptz' }, '9999-12-31T23:59:59.999999Z', '253402300799999999'],
    [{ name: 'timestamptz' }, '2026-11-20T24:00:00Z', no],
    [{ name: 'timestamptz' }, 1795154400, no],
    [{ name: 'varchar', length: 3 }, 'éa', '"éa"'],
    [{ name: 'varchar', length: 3 }, 'éaa', '"éaa"'],
    [{ name: 'varchar', length: 2 }, '💶💶', '"💶💶"'],
    [{ name: 'varchar', length: 2 }, '💶💶!', no],
    [{ name: 'varchar', length: 16384 }, '€'.repeat(5462), no],
    [{ name: 'varchar', length: 3 }, { a: 1 }, no],
  ])('%j %j: %s', (type, value, expected) => {
    const result = cast(column('c', type), value);
    expect('json' in result ? result.json : no).toBe(expected);
  });

  it('keeps every instant that JavaScript can write', () => {
    const dates = fc.date({
      min: new Date('0001-01-01T00:00:00Z'),
      max: new Date('9999-12-31T23:59:59Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(dates, (date) => {
        expect(micros(date.toISOString())).toBe(BigInt(date.getTime()) * 1000n);
      }),
    );
  });

  it('keeps every bigint, as a string', () => {
    const any = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    fc.assert(
      fc.property(any, (n) => {
        expect(cast(column('c', { name: 'bigint' }), String(n))).toEqual({ json: String(n) });
      }),
    );
  });
});
