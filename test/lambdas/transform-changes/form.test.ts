import fc from 'fast-check';
import { form } from '../../../lambdas/transform-changes/form';
import { cast } from '../../../lambdas/shared/cast';
import type { ColumnType } from '../../../lambdas/shared/contract';
import { parseLossless } from '../../../lambdas/shared/lossless';
import { column } from '../fakes';
import { change, row } from './messages';
import { transform } from './transform';

beforeEach(() => jest.spyOn(console, 'log').mockImplementation(() => undefined));

const decimal = (precision: number, scale: number): ColumnType => ({ name: 'decimal', precision, scale });
const no = 'refused';

it.each<[ColumnType, string, string]>([
  [{ name: 'boolean' }, '"true"', 'true'],
  [{ name: 'boolean' }, '"f"', 'false'],
  [{ name: 'boolean' }, '1', 'true'],
  [{ name: 'boolean' }, '0', 'false'],
  [{ name: 'boolean' }, '2', no],
  [{ name: 'boolean' }, '"yes"', no],
  [{ name: 'boolean' }, 'true', 'true'],
  [{ name: 'int' }, '"+7"', '7'],
  [{ name: 'int' }, '" 7"', no],
  [{ name: 'bigint' }, '9007199254740993', '9007199254740993'],
  [{ name: 'bigint' }, '"9007199254740993"', '9007199254740993'],
  [decimal(38, 20), '0.10000000000000000001', '"0.10000000000000000001"'],
  [decimal(38, 20), '".5"', '"0.50000000000000000000"'],
  [decimal(38, 0), '12345678901234567890123456789012345678', '"12345678901234567890123456789012345678"'],
  [decimal(20, 0), '18446744073709551615', '"18446744073709551615"'],
  [decimal(10, 4), '"1.5E+3"', '"1500.0000"'],
  [decimal(10, 4), '"."', no],
  [decimal(10, 4), '"NaN"', no],
  [{ name: 'double' }, '"1.5e300"', '1.5e+300'],
  [{ name: 'double' }, '"Infinity"', no],
  [{ name: 'double' }, '9007199254740993', no],
  [{ name: 'date' }, '"2026-01-31"', '"2026-01-31"'],
  [{ name: 'date' }, '"2026-01-31T00:00:00Z"', '"2026-01-31"'],
  [{ name: 'date' }, '"2026-01-31T00:00:01Z"', no],
  [{ name: 'date' }, '"0000-00-00"', no],
  [{ name: 'timestamp' }, '"2026-11-20T06:00:00.123456Z"', '1795154400123456'],
  [{ name: 'timestamp' }, '"2026-11-20 06:00:00"', '1795154400000000'],
  [{ name: 'timestamp' }, '"2026-11-20T06:00:00+01"', no],
  [{ name: 'timestamptz' }, '"2026-11-20T06:00:00Z"', '1795154400000000'],
  [{ name: 'timestamptz' }, '"2026-11-20 07:00:00.0000000 +01:00"', '1795154400000000'],
  [{ name: 'timestamptz' }, '"2026-11-20T06:00:00"', no],
  [{ name: 'varchar', length: 40 }, '9007199254740993', '"9007199254740993"'],
  [{ name: 'varchar', length: 40 }, '"{\\"baz\\": \\"qux\\"}"', '"{\\"baz\\": \\"qux\\"}"'],
  [{ name: 'varchar', length: 40 }, '1.50', no],
  [{ name: 'varchar', length: 40 }, 'null', 'null'],
])('%j %s: %s', (type, json, expected) => {
  const found = cast(column('c', type), form({ type }, parseLossless(json)));
  expect('json' in found ? found.json : no).toBe(expected);
});

/** Digits without what does not count, so that equal numbers have one text. */
const plain = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);

it('loses no digit of a number, written as a number or as a text', async () => {
  const digits = fc.tuple(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.bigInt({ min: 0n, max: 10n ** 20n - 1n }),
    fc.stringMatching(/^[0-9]{1,18}$/),
    fc.boolean(),
  );
  await fc.assert(
    fc.asyncProperty(digits, async ([id, whole, fraction, asText]) => {
      const quote = asText ? '"' : '';
      const text = JSON.stringify(change('insert', { ...row, parcel_id: 'ID', weight: 'WEIGHT' }))
        .replace('"ID"', `${quote}${id}${quote}`)
        .replace('"WEIGHT"', `${quote}${whole}.${fraction}${quote}`);
      const [{ text: made }] = await transform([text]);
      expect(made).toContain(`"parcel_id":${id},`);
      expect(plain(/"weight":"([^"]+)"/.exec(made)?.[1] ?? '')).toBe(plain(`${whole}.${fraction}`));
    }),
  );
});

describe('a list of records', () => {
  const good = fc.nat().map((id) => JSON.stringify(change('update', { ...row, parcel_id: id })));
  const bad = fc.oneof(
    fc.string(),
    fc.json(),
    fc.constant(JSON.stringify(change('update', { ...row, parcel_id: 'x' }))),
    fc.constant('['.repeat(20_000) + '9'.repeat(20) + ']'.repeat(20_000)),
    fc.record({ metadata: fc.anything(), data: fc.anything() }).map((value) => {
      try {
        return JSON.stringify(value) ?? '';
      } catch {
        return '';
      }
    }),
  );

  it('is answered once for each record, in order, and no record changes what becomes of another', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(good, bad), { maxLength: 8 }), async (texts) => {
        const together = await transform(texts);
        expect(together.map(({ recordId }) => recordId)).toEqual(texts.map((_, i) => `r${i}`));
        const alone = await Promise.all(texts.map(async (text) => (await transform([text]))[0]));
        const outcome = ({ result, text }: { result: string; text: string }) => [
          result,
          text.replace(/(kinesis.+?)4966\d+/, '$1'),
        ];
        expect(together.map(outcome)).toEqual(alone.map(outcome));
      }),
      { numRuns: 60 },
    );
  });
});
