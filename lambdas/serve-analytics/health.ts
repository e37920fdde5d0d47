import type { Contract } from '../shared/contract';
import type { Platform } from '../shared/platform';
import { datasetsOf } from '../shared/source';
import { jobRecords, lastPublish, type JobRecord, type RunRecords } from '../shared/run-records';

/** How fresh a dataset is. */
export interface DatasetHealth {
  readonly dataset: string;
  /** `never`: nothing was loaded yet. */
  readonly status: 'ok' | 'stale' | 'never';
  /** Everything that the source committed until then is in silver. ISO 8601 UTC. */
  readonly as_of: string | null;
  /** From the contract; null: no limit. */
  readonly freshness_hours: number | null;
}

export interface Health {
  readonly status: 'ok' | 'stale';
  readonly datasets: readonly DatasetHealth[];
  readonly gold: { readonly published_at: string | null };
}

/** The health of all datasets. Something that is late or has never come makes the whole `stale`. */
export async function readHealth(platform: Platform, runs: RunRecords, now: Date): Promise<Health> {
  const collected = new Set(
    platform.sources.flatMap((s) => (s.kind === 'collector' || s.kind === 'kafka' ? datasetsOf(s) : [])),
  );
  const datasets = await Promise.all(
    platform.contracts.map(async (contract) =>
      datasetHealth(contract, asOf(await jobRecords(runs, contract.dataset), collected.has(contract.dataset)), now),
    ),
  );
  const published = (await lastPublish(runs))?.published_at ?? null;
  const ok = published !== null && datasets.every((dataset) => dataset.status === 'ok');
  return { status: ok ? 'ok' : 'stale', datasets, gold: { published_at: published } };
}

/** A dataset against its contract's freshness. */
export function datasetHealth(contract: Contract, time: Date | undefined, now: Date): DatasetHealth {
  const freshness_hours = contract.freshnessHours ?? null;
  const { dataset } = contract;
  if (!time) return { dataset, status: 'never', as_of: null, freshness_hours };
  const hours = (now.getTime() - time.getTime()) / 3_600_000;
  const status = freshness_hours !== null && hours > freshness_hours ? 'stale' : 'ok';
  return { dataset, status, as_of: time.toISOString(), freshness_hours };
}

/**
 * The newest time that the records vouch for: of what was merged, the newest commit; of a load (of a snapshot, of an
 * API's pages), when it was taken, for an unchanged source commits nothing new. What a load brought counts once a merge
 * has ended after it: until then it is in bronze only. A collector's events, and Kafka's messages, come when they come: there, a merge that
 * found none vouches for its own time.
 */
export function asOf(records: readonly JobRecord[], collected: boolean): Date | undefined {
  const merged = time(records.find(({ sk }) => sk === 'merge')?.finished_at);
  const times = records.flatMap((record) => {
    const committed = time(record.newest_committed_at);
    if (record.sk === 'merge') return [committed, collected ? merged : undefined];
    const finished = time(record.finished_at);
    const inSilver = record.bronze_rows === 0 || (merged && finished && merged >= finished);
    return inSilver ? [committed] : [];
  });
  return times.filter((one) => one !== undefined).sort((a, b) => b.getTime() - a.getTime())[0];
}

function time(text: string | null | undefined): Date | undefined {
  const date = new Date(text ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
