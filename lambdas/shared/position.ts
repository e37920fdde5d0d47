/**
 * Where a change stands in the order of its source: `EEEE.LLL….OOO…` (epoch 4 digits, log position 26, ordinal 20).
 * The strings order as the numbers do. Numbers are BigInt: log positions exceed what a double keeps.
 */
export interface Position {
  /** Raised when the source's log starts anew. */
  readonly epoch: bigint;
  /** The source's log position; for a source without one, microseconds since 1970 UTC. */
  readonly log: bigint;
  /** Place within the transaction or the request, from 0. */
  readonly ordinal: bigint;
}

const WIDTHS = { epoch: 4, log: 26, ordinal: 20 } as const;

/** @throws Error when a part is negative or wider than its place. */
export function formatPosition(position: Position): string {
  return (['epoch', 'log', 'ordinal'] as const)
    .map((part) => {
      const digits = position[part].toString();
      if (position[part] < 0n || digits.length > WIDTHS[part]) {
        throw new Error(`Position: ${part} is ${digits}; a whole number of at most ${WIDTHS[part]} digits is allowed`);
      }
      return digits.padStart(WIDTHS[part], '0');
    })
    .join('.');
}

/** @throws Error when the text is no position. */
export function parsePosition(text: string): Position {
  const [, epoch, log, ordinal] = /^(\d{4})\.(\d{26})\.(\d{20})$/.exec(text) ?? [];
  if (ordinal === undefined) throw new Error(`_position is ${JSON.stringify(text)}; EEEE.LLL….OOO… is allowed`);
  return { epoch: BigInt(epoch), log: BigInt(log), ordinal: BigInt(ordinal) };
}

/** A time as a log position: microseconds since 1970 UTC. */
export const micros = (time: Date): bigint => BigInt(time.getTime()) * 1000n;

/**
 * Position of what a snapshot tells. Without a stream beside it: epoch 0, the snapshot's creation time. Beside one: the
 * beginning of the stream's epoch; `load_snapshot` finds the place in the log that the snapshot is sure to have seen.
 */
export const snapshotPosition = (created: Date, streamEpoch?: number): string =>
  streamEpoch === undefined
    ? formatPosition({ epoch: 0n, log: micros(created), ordinal: 0n })
    : formatPosition({ epoch: BigInt(streamEpoch), log: 0n, ordinal: 0n });
