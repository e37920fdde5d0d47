import { readdirSync, readFileSync } from 'node:fs';

/** A process: its parent, its command line, and its resident memory that it shares with no other, in bytes. */
export interface Process {
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
      found.set(Number(entry), { parent, command, bytes: (resident - shared) * 4096 });
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
