import { mebibytes, partsOf } from '../../../bench/shared/memory';
import type { TableFiles, World } from '../world';

/** What is looked at every few seconds of a soak. */
export interface Sample {
  /** Since the changes began. */
  readonly seconds: number;
  /** Rows that the source has changed since then, and committed. */
  readonly changes: number;
  /** MiB of each part that runs, and the ids of its processes: other ones, when it was restarted. */
  readonly memory: Readonly<Record<string, { readonly mebibytes: number; readonly processes: string }>>;
  /** By `<layer>.<table>`; empty when it could not be asked. */
  readonly tables: Readonly<Record<string, TableFiles>>;
  /** How old the newest change was that silver had, in seconds, by table. */
  readonly behind: Readonly<Record<string, number>>;
}

/** A fault as it happened, in seconds since the changes began. */
export interface Happened {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

export const PARTS = ['emulator', 'capture', 'worker', 'spark', 'transform'] as const;

const memory = (): Sample['memory'] =>
  Object.fromEntries(
    Object.entries(partsOf(process.pid))
      .filter(([, found]) => found.length > 0)
      .map(([part, found]) => [part, { mebibytes: mebibytes(found), processes: found.map(({ id }) => id).join(' ') }]),
  );

/** How old the newest change of each table is that silver has. */
function behind(tables: Sample['tables'], now: number): Sample['behind'] {
  const ages = Object.entries(tables).flatMap(([name, { newest_committed_at: newest }]) =>
    newest ? [[name.replace('silver.', ''), (now - Date.parse(newest)) / 1000] as const] : [],
  );
  return Object.fromEntries(ages);
}

/** Takes a sample. What the lake does not answer for a fault is left out. */
export async function sample(
  world: World,
  datasets: readonly string[],
  seconds: number,
  changes: number,
): Promise<Sample> {
  const used = memory();
  const tables = await world.files(datasets).catch(() => ({}));
  return { seconds, changes, memory: used, tables, behind: behind(tables, Date.now()) };
}

/** All samples as CSV: a line of names, then one for each; empty where nothing is known. */
export function csv(samples: readonly Sample[], faults: readonly Happened[]): string {
  const tables = [...new Set(samples.flatMap((each) => Object.keys(each.tables)))].sort();
  const datasets = [...new Set(samples.flatMap((each) => Object.keys(each.behind)))].sort();
  const fields = ['data_files', 'delete_files', 'snapshots', 'commits', 'metadata_bytes'] as const;
  const names = [
    ...['seconds', 'changes'],
    ...PARTS.map((part) => `${part} MiB`),
    ...tables.flatMap((table) => fields.map((field) => `${table} ${field}`)),
    ...datasets.map((dataset) => `${dataset} seconds behind`),
    'faults',
  ];
  const lines = samples.map(({ seconds, changes, memory, tables: found, behind }) => [
    ...[seconds.toFixed(1), changes],
    ...PARTS.map((part) => memory[part]?.mebibytes.toFixed(1)),
    ...tables.flatMap((table) => fields.map((field) => found[table]?.[field])),
    ...datasets.map((dataset) => behind[dataset]?.toFixed(1)),
    faults.flatMap(({ name, from, to }) => (from <= seconds && seconds <= to ? [name] : [])).join('; '),
  ]);
  return [names, ...lines].map((line) => `${line.map((value) => value ?? '').join(',')}\n`).join('');
}
