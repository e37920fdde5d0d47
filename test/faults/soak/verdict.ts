import { PARTS, type Sample } from './sample';

/** What a soak's figures say. */
export interface Judged {
  readonly line: string;
  /** What is wrong, if anything is. */
  readonly problem?: string;
}

/** Of a part's memory at the end to that at half time, as `npm run bench live` allows. */
const GROWTH = 1.25;
/** Seconds that a process has to have lived: a JVM, and a Python, take more and more in their first minutes. */
const GROWN_UP = 240;
/** Samples, of a minute, whose median is the memory at a time: a request under way or a collection of garbage does not decide. */
const AT_A_TIME = 12;

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Memory of a part at the end, and at half of the life of its newest process. */
function ofPart(part: string, samples: readonly Sample[]): Judged {
  const newest = samples.at(-1)?.memory[part]?.processes;
  if (newest === undefined) {
    return { line: `memory of ${part}: no process`, problem: `${part} did not run at the end` };
  }
  const begun = samples.findLastIndex(({ memory }) => memory[part]?.processes !== newest) + 1;
  const life = samples.slice(begun);
  const values = life.map(({ memory }) => memory[part].mebibytes);
  const end = median(values.slice(-AT_A_TIME));
  const lived = life[life.length - 1].seconds - life[0].seconds;
  const text = `memory of ${part}: ${end.toFixed(0)} MiB`;
  if (lived < GROWN_UP) return { line: `${text}, its process is ${lived.toFixed(0)} s old: not judged` };
  const half = Math.floor(values.length / 2);
  const ratio = end / median(values.slice(Math.max(0, half - AT_A_TIME), half));
  const line = `${text}, ${ratio.toFixed(2)} of half time`;
  return ratio <= GROWTH ? { line } : { line, problem: `memory of ${part} grew ${ratio.toFixed(2)} times` };
}

/** How the memory of each part behaved. A part that was restarted counts with its newest process. */
export const ofMemory = (samples: readonly Sample[]): Judged[] => PARTS.map((part) => ofPart(part, samples));

/** What bounds a table's files and snapshots. */
export interface Upkeep {
  /** Buckets of silver's tables. */
  readonly buckets: number;
  /** Seconds from one maintenance to the next. */
  readonly maintainEvery: number;
}

/**
 * So many times the seconds between two maintenances may go by from one that has come to a table to the next that has:
 * faults may end two of them, the third begins with the other tables, and silver, for which bronze keeps its snapshots, may
 * be as far behind.
 */
const SPAN = 5;

/** So many files, and snapshots, may be there when so many commits have come since a maintenance. */
export function allowed(layer: string, buckets: number, commits: number): { files: number; snapshots: number } {
  const files =
    layer === 'silver'
      ? // A maintenance leaves a file in each bucket, a merge adds one; and for each file there is one of deletes.
        2 * buckets * (1 + commits)
      : // A maintenance leaves a file for each day, and a delivery one; across midnight there are two.
        2 + commits + 1;
  return { files, snapshots: 2 + commits };
}

/** The commits to a table within the span before a sample. */
function recent(name: string, at: number, known: readonly Sample[], span: number): number {
  const { seconds, tables } = known[at];
  const before = known.findLast((each) => each.seconds <= seconds - span);
  return tables[name].commits - (before?.tables[name].commits ?? 0);
}

/** How many files and snapshots each table has, and had at most. */
export function ofFiles(samples: readonly Sample[], { buckets, maintainEvery }: Upkeep): Judged[] {
  const known = samples.filter(({ tables }) => Object.keys(tables).length > 0);
  const names = Object.keys(known.at(-1)?.tables ?? {}).sort();
  if (names.length === 0) return [{ line: 'files: never told', problem: 'the lake never said how many files it has' }];
  return names.flatMap((name) => {
    const most = known.map((_, at) =>
      allowed(name.split('.')[0], buckets, recent(name, at, known, SPAN * maintainEvery)),
    );
    const files = known.map(({ tables }) => tables[name].data_files + tables[name].delete_files);
    const snapshots = known.map(({ tables }) => tables[name].snapshots);
    return [
      judge(
        `files of ${name}`,
        files,
        most.map((each) => each.files),
      ),
      judge(
        `snapshots of ${name}`,
        snapshots,
        most.map((each) => each.snapshots),
      ),
    ];
  });
}

/** Counts, each of which has a bound of its own: the one that is farthest beyond it decides, else the most is told. */
function judge(what: string, counts: readonly number[], bounds: readonly number[]): Judged {
  const greatest = (of: (at: number) => number): number =>
    counts.map((_, at) => at).reduce((one, other) => (of(other) > of(one) ? other : one));
  const most = greatest((at) => counts[at]);
  const worst = greatest((at) => counts[at] - bounds[at]);
  const line = `${what}: ${counts.at(-1)}, at most ${counts[most]} seen (of ${bounds[most]} allowed then)`;
  if (counts[worst] <= bounds[worst]) return { line };
  return { line, problem: `${counts[worst]} ${what}, where ${bounds[worst]} are allowed` };
}
