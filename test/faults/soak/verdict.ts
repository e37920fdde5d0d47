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
/** Samples whose median is the memory at a time: a request under way does not decide. */
const AT_A_TIME = 5;

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
  /** The least seconds from one merge of a table to the next, and from one delivery of Firehose. */
  readonly mergeEvery: number;
  readonly deliverEvery: number;
}

/** So many maintenances in a row a fault may end. */
const MISSED = 2;

/**
 * The most files, and snapshots, that a table may have. A maintenance leaves, of each partition, a data file; until the
 * next one is done (its own time is no more than that between two) commits come, each with at most
 * - silver: a data file, and a file of deletes, in each bucket;
 * - bronze: a file in each of two days, today's and yesterday's.
 * It keeps the snapshots that progress needs, no more than came until it began.
 */
export function bounds(layer: string, upkeep: Upkeep): { files: number; snapshots: number } {
  const silver = layer === 'silver';
  const commits = ((MISSED + 2) * upkeep.maintainEvery) / (silver ? upkeep.mergeEvery : upkeep.deliverEvery);
  const each = silver ? 2 * upkeep.buckets : 2;
  return { files: each * (1 + commits), snapshots: 2 * commits };
}

/** How many files and snapshots each table has, and had at most. */
export function ofFiles(samples: readonly Sample[], upkeep: Upkeep): Judged[] {
  const known = samples.filter(({ tables }) => Object.keys(tables).length > 0);
  const names = Object.keys(known.at(-1)?.tables ?? {}).sort();
  if (names.length === 0) return [{ line: 'files: never told', problem: 'the lake never said how many files it has' }];
  return names.flatMap((name) => {
    const most = bounds(name.split('.')[0], upkeep);
    const files = known.map(({ tables }) => tables[name].data_files + tables[name].delete_files);
    const snapshots = known.map(({ tables }) => tables[name].snapshots);
    return [judge(`files of ${name}`, files, most.files), judge(`snapshots of ${name}`, snapshots, most.snapshots)];
  });
}

function judge(what: string, counts: readonly number[], allowed: number): Judged {
  const most = Math.max(...counts);
  const line = `${what}: ${counts.at(-1)}, at most ${most} seen (${allowed} allowed)`;
  return most <= allowed ? { line } : { line, problem: `${most} ${what}` };
}
