import { formatPosition } from '../shared/position';
import type { DatabaseSource } from '../shared/source';
import type { Metadata } from './record';

/** A binlog's file number and the offset in it share the log position's 26 digits: the offset has 16 of them. */
const OFFSETS = 10n ** 16n;

/**
 * How each engine's place in its log begins a `stream-position`, and the number that sorts as the places do.
 * PostgreSQL's is recorded from AWS (`00000002/7C007178.3.00000002/7C007178`). AWS documents the others in checkpoints
 * only (`mysql-bin-changelog.157832:1975:…`), Replicate's logs have SQL Server's LSN (`000000D8000062D00003:0:…`):
 * what looks otherwise is refused, not guessed.
 * @see https://docs.aws.amazon.com/dms/latest/APIReference/API_StartReplication.html
 */
const LOGS: Record<DatabaseSource['engine'], { form: RegExp; number: (parts: string[]) => bigint; example: string }> = {
  postgres: {
    form: /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})(?:\.\d+\.([0-9A-F]{1,8})\/([0-9A-F]{1,8}))?$/i,
    // The place of the change, and that where its transaction begins: the later one sorts the changes of a row, for a
    // row is locked until its change is committed. AWS does not say which of the two comes first.
    number: ([high, low, other = '0', otherLow = '0']) => larger(lsn(high, low), lsn(other, otherLow)),
    example: '00000002/7C007178.3.00000002/7C007178',
  },
  mysql: {
    form: /^[^:]+\.(\d{1,10}):(\d{1,16})(?=:|$)/,
    number: ([file, offset]) => BigInt(file) * OFFSETS + BigInt(offset),
    example: 'mysql-bin-changelog.000024:373',
  },
  sqlserver: {
    form: /^([0-9A-F]{8}):?([0-9A-F]{8}):?([0-9A-F]{4})(?=[:.]|$)/i,
    number: (parts) => BigInt(`0x${parts.join('')}`),
    example: '000000D8:000062D0:0003',
  },
};

const lsn = (high: string, low: string): bigint => (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
const larger = (one: bigint, other: bigint): bigint => (one > other ? one : other);

/**
 * A record's position: the log position, and twice its number in the transaction; of an insert one more. So a row that
 * comes to a key has an odd ordinal, for of a row that moves the merge makes a delete here and an upsert at the next one:
 * by that the merge tells which of two rows stays on a key (`glue-jobs/common/netting.py`). What DMS loads (`load`) is
 * older than every change of the epoch.
 * @throws Error when the record does not tell where it stands.
 */
export function positionOf(source: DatabaseSource, metadata: Metadata): string {
  const epoch = BigInt(source.capture?.epoch ?? 1);
  if (metadata.operation === 'load') return formatPosition({ epoch, log: 0n, ordinal: 0n });
  const { form, number, example } = LOGS[source.engine];
  const parts = form.exec(metadata['stream-position'] ?? '')?.slice(1);
  if (!parts) {
    throw new Error(
      `stream-position is ${shown(metadata['stream-position'])}; for ${source.engine} one such as ${example} is understood (IncludeTransactionDetails of the endpoint writes it)`,
    );
  }
  const id = metadata['transaction-record-id'];
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 0) {
    throw new Error(`transaction-record-id is ${shown(id)}; a whole number from 0 is understood`);
  }
  return formatPosition({
    epoch,
    log: number(parts),
    ordinal: 2n * BigInt(id) + (metadata.operation === 'insert' ? 1n : 0n),
  });
}

const shown = (value: unknown): string => (value === undefined ? 'missing' : JSON.stringify(value).slice(0, 60));
