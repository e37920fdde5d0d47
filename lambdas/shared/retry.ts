/** Waits; tests put a function that does not. */
export type Sleep = (milliseconds: number) => Promise<void>;

export const sleep: Sleep = (milliseconds) =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });

/**
 * Milliseconds to wait before attempt `attempt` (the first retry is 1): doubles from `first` up to `longest`,
 * of which a random half is waited, so that callers that failed together do not come back together.
 */
export function backOff(attempt: number, first = 100, longest = 5_000, random: () => number = Math.random): number {
  const full = Math.min(longest, first * 2 ** (attempt - 1));
  return Math.round(full / 2 + (full / 2) * random());
}
