import { spawnSync } from 'node:child_process';

export interface Process {
  readonly pid: number;
  readonly command: string;
}

/** A process and all below it, whatever their process groups. */
export function processesBelow(root: number): Process[] {
  const listed = spawnSync('ps', ['-A', '-ww', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).stdout;
  const all = listed.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line);
    return match ? [{ pid: Number(match[1]), parent: Number(match[2]), command: match[3] }] : [];
  });
  const below = (pid: number): Process[] => [
    ...all.filter((each) => each.pid === pid),
    ...all.filter(({ parent }) => parent === pid).flatMap((child) => below(child.pid)),
  ];
  return below(root);
}
