import fc from 'fast-check';
import { positionOf } from '../../../lambdas/transform-changes/position';
import type { Metadata } from '../../../lambdas/transform-changes/record';
import type { DatabaseSource } from '../../../lambdas/shared/source';
import { parsePosition } from '../../../lambdas/shared/position';
import { change } from './messages';
import { source } from './transform';

type Engine = DatabaseSource['engine'];

const positionIn = (engine: Engine, streamPosition: unknown, id: unknown = 1, epoch?: number): string =>
  positionOf(
    { ...source, engine, capture: { epoch } },
    change('update', {}, { metadata: { 'stream-position': streamPosition, 'transaction-record-id': id } })
      .metadata as Metadata,
  );
const log = (position: string): bigint => BigInt(position.split('.')[1]);

it.each<[Engine, string, bigint]>([
  ['postgres', '00000002/7C007178.3.00000002/7C007178', 0x27c007178n],
  ['postgres', '0/16B3748', 0x16b3748n],
  ['postgres', '00000002/10.3.00000002/20', 0x200000020n],
  ['postgres', '00000002/20.3.00000002/10', 0x200000020n],
  ['postgres', 'FFFFFFFF/FFFFFFFF.1.FFFFFFFF/FFFFFFFF', 2n ** 64n - 1n],
  ['mysql', 'mysql-bin-changelog.000024:373', 24_0000000000000373n],
  [
    'mysql',
    'mysql-bin-changelog.157832:1975:-1:2002:677883278264080:mysql-bin-changelog.157832:1876',
    157832_0000000000001975n,
  ],
  ['sqlserver', '000000D8000062D00003:0:2147483647', 0xd8000062d00003n],
  ['sqlserver', '000000d8:000062d0:0003.1.0', 0xd8000062d00003n],
  ['sqlserver', 'FFFFFFFFFFFFFFFFFFFF', 2n ** 80n - 1n],
])('reads %s %s', (engine, text, expected) => {
  expect(log(positionIn(engine, text))).toBe(expected);
});

it.each<[Engine, unknown]>([
  ['postgres', undefined],
  ['postgres', ''],
  ['postgres', '000000D8000062D00003'],
  ['postgres', '000000002/7C007178'],
  ['postgres', '2/7C007178x'],
  ['mysql', '00000002/7C007178.3.00000002/7C007178'],
  ['mysql', '0-1-270'],
  ['mysql', 'mysql-bin.000024'],
  ['mysql', '3e11fa47-71ca-11e1-9e33-c80aa9429562:23'],
  ['sqlserver', 'mysql-bin-changelog.000024:373'],
  ['sqlserver', '000000D8000062D0'],
  ['sqlserver', '000000D8000062D000031'],
])('refuses %s %s: an order is not guessed', (engine, text) => {
  expect(() => positionIn(engine, text)).toThrow(/^stream-position is .+; for .+ one such as .+ is understood/);
});

it.each([null, '1', -1, 1.5, 2 ** 53])('refuses %s as the number in a transaction', (id) => {
  expect(() => positionIn('postgres', '0/1', id)).toThrow(/^transaction-record-id is /);
});

it('orders by epoch, log, number in the transaction, with room for the other half of a move', () => {
  const place = fc.record({
    epoch: fc.integer({ min: 1, max: 9999 }),
    lsn: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    id: fc.nat(),
  });
  const text = (lsn: bigint) => `${(lsn >> 32n).toString(16)}/${(lsn & 0xffffffffn).toString(16)}.1.0/0`;
  fc.assert(
    fc.property(place, place, (a, b) => {
      const [p, q] = [a, b].map(({ epoch, lsn, id }) => positionIn('postgres', text(lsn), id, epoch));
      const [x, y] = [a, b].map(({ epoch, lsn, id }) => (BigInt(epoch) << 128n) | (lsn << 64n) | BigInt(2 * id));
      expect(Math.sign(p < q ? -1 : p > q ? 1 : 0)).toBe(x < y ? -1 : x > y ? 1 : 0);
      expect(BigInt(p.split('.')[2])).toBe(2n * BigInt(a.id));
    }),
  );
});

it('gives a row that comes to a key an odd ordinal, and what happens to one that is there an even one', () => {
  const ordinal = (operation: string) =>
    parsePosition(positionOf(source, change(operation, {}).metadata as Metadata)).ordinal;
  expect(['insert', 'update', 'delete'].map(ordinal)).toEqual([3n, 2n, 2n]);
});
