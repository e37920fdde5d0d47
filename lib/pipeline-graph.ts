import type { Contract } from '../lambdas/shared/contract';
import { placesOf } from '../lambdas/shared/event-export-source';
import { datasetsOf, isDerived, isExported, type Source } from '../lambdas/shared/source';

/** How the rows of a source come to bronze when the pipeline runs. */
export type WayIn =
  /** RDS exports a snapshot, and each exported table is loaded. */
  | 'snapshot'
  /** An API is read page by page, then what landed is loaded. */
  | 'extract'
  /** What a web analytics tool delivered is loaded. */
  | 'delivery'
  /** They are there already: a stream brought them. */
  | 'stream'
  /** They are computed from another dataset, once every other branch has ended. */
  | 'derive';

/** A dataset on its way: what the loads of its way in want to know of it. */
export interface Way {
  readonly source: string;
  readonly dataset: string;
  /** Of a delivery: how to read it, and as JSON where it has each column. */
  readonly format?: string;
  readonly fields?: string;
}

/** A source as the pipeline sees it: how it arrives, and the datasets that are merged once it has. */
export interface Branch {
  readonly source: string;
  readonly wayIn: WayIn;
  readonly datasets: readonly Way[];
  /** Which snapshot, where they come by one. @default - the newest */
  readonly snapshot?: string;
}

function wayIn(source: Source): WayIn {
  if (source.kind === 'rest') return 'extract';
  if (source.kind === 'event_export') return 'delivery';
  if (isDerived(source)) return 'derive';
  return isExported(source) ? 'snapshot' : 'stream';
}

function delivery(source: Source, contracts: readonly Contract[]): Pick<Way, 'format' | 'fields'> {
  if (source.kind !== 'event_export') return {};
  return { format: source.format, fields: JSON.stringify(placesOf(source, contracts)) };
}

/**
 * The pipeline's graph: a branch for each source, side by side, those that derive after the others; gold is built when
 * all have ended well. The state machine maps over these branches, so it has the same states however many sources there are.
 * @param contracts of all datasets
 * @throws Error when there is no source at all.
 */
export function compileGraph(sources: readonly Source[], contracts: readonly Contract[] = []): readonly Branch[] {
  if (sources.length === 0) {
    throw new Error('sources/index.ts: there are no sources, so the pipeline has nothing to do; declare one');
  }
  return sources.map((source) => ({
    source: source.name,
    wayIn: wayIn(source),
    datasets: datasetsOf(source).map((dataset) => ({ source: source.name, dataset, ...delivery(source, contracts) })),
  }));
}
