import { createHash } from 'node:crypto';

/** Random numbers that a seed gives again: mulberry32, by Tommy Ettinger (public domain). */
export class Random {
  private state: number;

  /** @param salt what the numbers are for: cases of one seed do not share theirs */
  constructor(seed: number, salt = '') {
    this.state = createHash('sha256').update(`${seed} ${salt}`).digest().readInt32LE();
  }

  /** From 0 up to 1, without it. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from one to another, both of them possible. */
  whole(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  pick<T>(from: readonly T[]): T {
    return from[this.whole(0, from.length - 1)];
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  shuffle<T>(from: readonly T[]): T[] {
    const left = [...from];
    return from.map(() => left.splice(this.whole(0, left.length - 1), 1)[0]);
  }
}
