import { z } from 'zod';
import { json, readEnv, text } from '../../../lambdas/shared/env';

const shape = {
  BUCKET: text,
  INSTANCES: json(z.record(z.string(), z.string())),
  KIND: z.enum(['a', 'b']),
  EXTRA: text.optional(),
};
const good = { BUCKET: 'x', INSTANCES: '{"s":"i"}', KIND: 'a' };

it('reads what is declared', () => {
  expect(readEnv(shape, { ...good, OTHER: 'y' })).toEqual({ BUCKET: 'x', INSTANCES: { s: 'i' }, KIND: 'a' });
});

it.each([
  [{ ...good, BUCKET: undefined }, 'Environment variable BUCKET is not set'],
  [{ ...good, BUCKET: '' }, 'Environment variable BUCKET is ""'],
  [{ ...good, INSTANCES: 'no' }, 'Environment variable INSTANCES is "no": is not JSON'],
  [{ ...good, INSTANCES: '[]' }, 'Environment variable INSTANCES is "[]"'],
  [{ ...good, KIND: 'c' }, 'Environment variable KIND is "c": Invalid option: expected one of "a"|"b"'],
])('%j', (variables, message) => {
  expect(() => readEnv(shape, variables)).toThrow(message);
});
