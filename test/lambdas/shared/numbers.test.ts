import fc from 'fast-check';
import { expand, lossyNumber } from '../../../lambdas/shared/numbers';

it.each([
  ['{"a":1,"b":-0.10,"c":1e3,"d":12.50}', undefined],
  ['{"a":9007199254740992}', undefined],
  ['{"a":9007199254740993}', '9007199254740993'],
  ['[0.12345678901234567890]', '0.12345678901234567890'],
  ['{"a":"9007199254740993","b \\" 9007199254740993":1}', undefined],
  ['{"a":1e400}', '1e400'],
  ['{"a":1e21,"b":123456789012345680000}', undefined],
  ['{"a":-0,"b":0.000,"c":0e5}', undefined],
])('%s: %s', (json, expected) => {
  expect(lossyNumber(json)).toBe(expected);
});

it('lets everything pass that JavaScript itself writes', () => {
  fc.assert(
    fc.property(fc.json(), (json) => {
      expect(lossyNumber(JSON.stringify(JSON.parse(json)))).toBeUndefined();
    }),
  );
});

it('finds every whole number that does not survive', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }), (n) => {
      // What JSON.parse makes of it, as JSON.stringify would print it: exact doubles are printed shortest, not in full.
      const survives = BigInt(expand(String(Number(n)))) === n;
      expect(lossyNumber(`{"n":${n}}`) === undefined).toBe(survives);
    }),
  );
});

it.each([
  ['1e-7', '0.0000001'],
  ['-1.25e-3', '-0.00125'],
  ['1.5e+21', '1500000000000000000000'],
  ['12.345e1', '123.45'],
  ['12.5', '12.5'],
  ['x', 'x'],
])('%s without its power is %s', (text, expected) => {
  expect(expand(text)).toBe(expected);
});

it('changes no number by writing it out', () => {
  const numbers = fc.double({ noNaN: true, noDefaultInfinity: true });
  fc.assert(
    fc.property(numbers, (n) => {
      expect(Number(expand(String(n)))).toBe(Object.is(n, -0) ? 0 : n);
    }),
  );
});
