import fc from 'fast-check';
import { Digits, parseLossless, stringifyLossless } from '../../../lambdas/shared/lossless';

/** Numbers as JSON may spell them, short ones and long ones. */
const numbers = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.bigInt({ min: 0n, max: 10n ** 40n }),
    fc.option(fc.stringMatching(/^[0-9]{1,30}$/), { nil: undefined }),
    fc.option(fc.stringMatching(/^[eE][+-]?[0-9]{1,3}$/), { nil: undefined }),
  )
  .map(([sign, whole, fraction, power]) => `${sign}${whole}${fraction ? `.${fraction}` : ''}${power ?? ''}`);

/** A JSON text that has a number among all else; what it says, with the number as the text `#`. */
const texts = fc.tuple(fc.json(), numbers, fc.string()).map(([json, number, name]) => ({
  json,
  number,
  name,
  text: `{"a":${json},${JSON.stringify(`n${name}`)}:[${number}]}`,
}));

it('keeps every digit of every number, and all else as JSON.parse has it', () => {
  fc.assert(
    fc.property(texts, ({ json, number, name, text }) => {
      const found = parseLossless(text) as Record<string, unknown>;
      const [value] = found[`n${name}`] as unknown[];
      if (value instanceof Digits) expect(value.text).toBe(number);
      else expect(value).toBe(Number(number));
      expect(found.a).toEqual(JSON.parse(json));
    }),
    { numRuns: 500 },
  );
});

it('writes what it has read, digit for digit', () => {
  const text =
    '{"a":9007199254740993,"b":[0.12345678901234567890,"9007199254740993"],"c":null,"__proto__":{"d":1e400}}';
  expect(stringifyLossless(parseLossless(text))).toBe(text);
});

it.each(['', 'not json', '{"a":9007199254740993', '{"a":09007199254740993}', '[9007199254740993,]'])(
  'refuses %j',
  (text) => {
    expect(() => parseLossless(text)).toThrow(SyntaxError);
  },
);

it('reads a text of a megabyte', () => {
  const text = JSON.stringify({ long: '\\"1234567890123456,'.repeat(60_000), n: 1 });
  expect(parseLossless(text)).toEqual(JSON.parse(text));
});
