import type { Counts } from './report';
import type { Store, World } from './world';

/** What came of some work: lines that say what is wrong, none if nothing is, and what was compared. */
export interface Outcome {
  readonly lines: readonly string[];
  readonly counts: Counts;
}

/** A line that a terminal can show: values may be long. */
export const short = (line: string): string => (line.length > 400 ? `${line.slice(0, 400)} …` : line);

/** Compares every row of datasets in the source with these stores. */
export async function compared(world: World, datasets: readonly string[], stores: readonly Store[]): Promise<Outcome> {
  const results = await world.compare(datasets, stores);
  const total = (of: (one: (typeof results)[number]) => number | undefined) =>
    results.reduce((sum, one) => sum + (of(one) ?? 0), 0);
  return {
    lines: results.flatMap(({ dataset, examples, differences, error }) =>
      error
        ? [`${dataset}: ${error}`]
        : differences > 0
          ? [`${dataset}: ${differences} rows differ`, ...examples.map((line) => `  ${short(line)}`)]
          : [],
    ),
    counts: {
      rows: total(({ source }) => source?.rows) * stores.length,
      lost: total(({ kinds }) => kinds.missing),
      extra: total(({ kinds }) => kinds.extra),
      wrong: total(({ kinds }) => kinds.different),
    },
  };
}
