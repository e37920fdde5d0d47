import { checkCollectorSource, type CollectorSource } from './collector-source';
import { checkEventExportSource, type EventExportSource } from './event-export-source';
import { checkKafkaSource, type KafkaSource } from './kafka-source';
import { checkRestSource, type RestSource } from './rest-source';
import type { SessionsSource } from './sessions-source';

export type { CollectorSource } from './collector-source';
export type { EventExportSource } from './event-export-source';

/**
 * A database that is loaded from its snapshot exports, from the stream of its changes, or from both.
 * Which instance it is on AWS stands in `config/` (`databases`), for it differs between environments.
 */
export interface DatabaseSource {
  readonly kind: 'database';
  readonly name: string;
  /** Only the exports of `postgres` can be loaded: the others need `capture`, which loads their tables as well. */
  readonly engine: 'postgres' | 'mysql' | 'sqlserver';
  /** Name of the database within the instance. */
  readonly database: string;
  /** Schema of the tables. */
  readonly schema: string;
  /** The datasets, each from the table of its name in `schema`. */
  readonly datasets: readonly string[];
  /** Capture of its changes as they happen. @default - none: the daily export alone */
  readonly capture?: ChangeCapture;
}

/** How the changes of a database are captured. */
export interface ChangeCapture {
  /** AWS DMS Serverless, or Firehose's own database source, which AWS calls a preview. @default 'dms' */
  readonly via?: 'dms' | 'firehose';
  /**
   * Raise it when the database's log starts anew: after a restore, or a failover that renumbers. Positions of a higher
   * epoch are newer than all of a lower one. From 1, for snapshots without a stream have 0. @default 1
   */
  readonly epoch?: number;
}

export type Source = DatabaseSource | CollectorSource | RestSource | KafkaSource | EventExportSource | SessionsSource;

/** A source whose rows are computed from another dataset, once that is in silver. */
export const isDerived = (source: Source): source is SessionsSource => source.kind === 'sessions';

/** A database whose snapshots are exported and loaded: the loader knows the types of PostgreSQL's exports only. */
export const isExported = (source: Source): source is DatabaseSource =>
  source.kind === 'database' && source.engine === 'postgres';

/** A database whose changes are captured as they happen. */
export type CapturedSource = DatabaseSource & { readonly capture: ChangeCapture };
export const isCaptured = (source: Source): source is CapturedSource =>
  source.kind === 'database' && source.capture !== undefined;

/** The epoch of a captured source's positions. */
export const epochOf = ({ capture }: CapturedSource): number => capture.epoch ?? 1;

/** The datasets that arrive by a source. */
export function datasetsOf(source: Source): readonly string[] {
  switch (source.kind) {
    case 'database':
      return source.datasets;
    case 'collector':
    case 'event_export':
    case 'sessions':
      return [source.dataset];
    case 'rest':
      return source.resources.map(({ dataset }) => dataset);
    case 'kafka':
      return source.topics.map(({ dataset }) => dataset);
  }
}

/** The datasets that arrive as they happen, not only when the pipeline fetches them. */
export const streamedDatasets = (sources: readonly Source[]): string[] =>
  sources
    .filter((source) => isCaptured(source) || source.kind === 'collector' || source.kind === 'kafka')
    .flatMap(datasetsOf);

/**
 * Sources as declared, checked against the contracts.
 * @throws Error when a source names an unknown dataset, or a dataset has no source or two.
 */
export function checkSources(sources: readonly Source[], datasets: readonly string[]): readonly Source[] {
  const owner = new Map<string, string>();
  for (const source of sources) {
    if (source.kind === 'rest') checkRestSource(source);
    if (source.kind === 'collector') checkCollectorSource(source);
    if (source.kind === 'kafka') checkKafkaSource(source);
    if (source.kind === 'event_export') checkEventExportSource(source);
    for (const dataset of datasetsOf(source)) {
      if (!datasets.includes(dataset)) {
        throw new Error(
          `sources/${source.name}.ts: dataset ${JSON.stringify(dataset)} has no contract: there are ${datasets.join(', ')}. ` +
            `Write contracts/${dataset}.odcs.yaml or correct the name.`,
        );
      }
      const other = owner.get(dataset);
      if (other) {
        throw new Error(
          `sources/${source.name}.ts: dataset ${JSON.stringify(dataset)} arrives by source ${JSON.stringify(other)} already; a dataset has one source`,
        );
      }
      owner.set(dataset, source.name);
    }
  }
  const orphan = datasets.find((dataset) => !owner.has(dataset));
  if (orphan) {
    throw new Error(
      `contracts/${orphan}.odcs.yaml: no source brings dataset ${JSON.stringify(orphan)}: name it in one of sources/, or remove the contract`,
    );
  }
  return sources;
}
