import fc from 'fast-check';
import { formatPosition, snapshotPosition } from '../../../lambdas/shared/position';

const part = (digits: number) => fc.bigInt({ min: 0n, max: 10n ** BigInt(digits) - 1n });
const position = fc.record({ epoch: part(4), log: part(26), ordinal: part(20) });

it('has its parts in places of one width, digit for digit', () => {
  fc.assert(
    fc.property(position, (p) => {
      const [epoch, log, ordinal] = formatPosition(p).split('.');
      expect([epoch, log, ordinal].map(({ length }) => length)).toEqual([4, 26, 20]);
      expect({ epoch: BigInt(epoch), log: BigInt(log), ordinal: BigInt(ordinal) }).toEqual(p);
    }),
  );
});

it('orders as text as its parts do as numbers', () => {
  const compare = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0);
  fc.assert(
    fc.property(position, position, (a, b) => {
      const numbers = compare(a.epoch, b.epoch) || compare(a.log, b.log) || compare(a.ordinal, b.ordinal);
      const [x, y] = [formatPosition(a), formatPosition(b)];
      expect(x < y ? -1 : x > y ? 1 : 0).toBe(numbers);
    }),
  );
});

it('takes a snapshot’s time in microseconds', () => {
  expect(snapshotPosition(new Date('2026-11-20T04:05:06.789Z'))).toBe(
    '0000.00000000001795147506789000.00000000000000000000',
  );
});

it('puts a snapshot beside a stream at the beginning of its epoch, after every snapshot without one', () => {
  const beside = snapshotPosition(new Date('2026-11-20T04:05:06.789Z'), 1);
  expect(beside).toBe('0001.00000000000000000000000000.00000000000000000000');
  expect(beside > snapshotPosition(new Date('2999-01-01T00:00:00Z'))).toBe(true);
});

it.each([
  [() => formatPosition({ epoch: 10000n, log: 0n, ordinal: 0n }), 'epoch is 10000; a whole number of at most 4 digits'],
  [() => formatPosition({ epoch: 0n, log: -1n, ordinal: 0n }), 'log is -1'],
])('refuses what is none: %s', (run, message) => {
  expect(run).toThrow(message);
});
