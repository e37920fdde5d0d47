import { readdirSync, readFileSync } from 'node:fs';

/** A process: its id, its parent's, its command line, and its resident memory that it shares with no other, in bytes. */
export interface Process {
  readonly id: number;
  readonly parent: number;
  readonly command: string;
  readonly bytes: number;
}

/** The processes there are, by id (Linux). */
function processes(): Map<number, Process> {
  const found = new Map<number, Process>();
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const parent = Number(/\) \S+ (\d+)/.exec(readFileSync(`/proc/${entry}/stat`, 'utf8'))?.[1]);
      const [, resident, shared] = readFileSync(`/proc/${entry}/statm`, 'utf8').split(' ').map(Number);
      const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ');
      found.set(Number(entry), { id: Number(entry), parent, command, bytes: (resident - shared) * 4096 });
    } catch {
      // it has ended since the folder was read
    }
  }
  return found;
}

/** A process and all below it. */
export function treeOf(root: number): readonly Process[] {
  const all = processes();
  const below = (pid: number): boolean => pid === root || (pid > 1 && below(all.get(pid)?.parent ?? 0));
  return [...all].filter(([pid]) => below(pid)).map(([, each]) => each);
}

/** The parts of a local run, by what their command lines say. */
const PARTS: Readonly<Record<string, RegExp>> = {
  emulator: /local\/emulator\.py/,
  capture: /local\/dms_replication\.py/,
  worker: /local\/spark_worker\.py/,
  spark: /SparkSubmit/,
  transform: /_worker\.js/,
};

/** The parts of the local run that are or are below a process, each with its processes. */
export function partsOf(pid: number): Readonly<Record<string, readonly Process[]>> {
  const tree = treeOf(pid);
  const of = (pattern: RegExp): Process[] => tree.filter(({ command }) => pattern.test(command));
  return Object.fromEntries(Object.entries(PARTS).map(([part, pattern]) => [part, of(pattern)]));
}

/** The processes of a part of the local run that is or is below a process. */
export const partOf = (pid: number, part: string): readonly Process[] => partsOf(pid)[part];

/** MiB of a part's processes. */
export const mebibytes = (processes: readonly Process[]): number =>
  processes.reduce((sum, { bytes }) => sum + bytes, 0) / 2 ** 20;

/** MiB of each part of the local run that is or is below a process. */
export const memoryOf = (pid: number): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(partsOf(pid)).map(([part, found]) => [part, mebibytes(found)]));

/**
 * How much of each part's memory at half time it has in the end, from measurements at equal distances.
 * @throws Error when there are none, or when a part's process was not found
 */
export function growth(memories: readonly Readonly<Record<string, number>>[]): { ratio: number; line: string }[] {
  const [half, end] = [memories[Math.floor(memories.length / 2)], memories.at(-1) ?? {}];
  const missing = Object.keys(PARTS).find((name) => !end[name]);
  if (missing) throw new Error(`no process of ${missing} was found, or nothing was measured`);
  return Object.entries(end).map(([name, bytes]) => {
    const ratio = bytes / half[name];
    return { ratio, line: `memory of ${name}: ${bytes.toFixed(0)} MiB, ${ratio.toFixed(2)} of half time` };
  });
}
