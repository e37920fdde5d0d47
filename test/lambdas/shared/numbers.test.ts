import fc from 'fast-check';
import { expand, isLossy } from '../../../lambdas/shared/numbers';

it.each([
  ['-0.10', false],
  ['1e3', false],
  ['12.50', false],
  ['9007199254740992', false],
  ['9007199254740993', true],
  ['0.12345678901234567890', true],
  ['1e400', true],
  ['1e21', false],
  ['123456789012345680000', false],
  ['-0', false],
  ['0.000', false],
  ['0e5', false],
])('whether a double changes %s: %s', (number, expected) => {
  expect(isLossy(number)).toBe(expected);
});

it('lets every number pass that JavaScript itself writes', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (n) => {
      expect(isLossy(JSON.stringify(n))).toBe(false);
    }),
  );
});

it('finds every whole number that does not survive', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }), (n) => {
      // What JSON.parse makes of it, as JSON.stringify would print it: exact doubles are printed shortest, not in full.
      expect(isLossy(String(n))).toBe(BigInt(expand(String(Number(n)))) !== n);
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
