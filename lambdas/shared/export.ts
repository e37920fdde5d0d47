import { z } from 'zod';
import type { Platform } from './platform';
import { isExported, type DatabaseSource } from './source';

/** What of a source is to be exported. */
export const wantedExport = z.object({
  source: z.string(),
  /** @default - all datasets of the source */
  datasets: z.array(z.object({ dataset: z.string() })).optional(),
  /** Identifier of the snapshot. @default - the newest */
  snapshot: z.string().optional(),
});
export type WantedExport = z.infer<typeof wantedExport>;

/** An export of one snapshot of a source: what `start-export` answers and `check-export` takes. */
export const startedExport = wantedExport.extend({
  exportId: z.string(),
  snapshotId: z.string(),
  /** Position of every row in it. */
  position: z.string(),
  /** When the snapshot was taken, ISO 8601 UTC. */
  committedAt: z.string(),
});
export type StartedExport = z.infer<typeof startedExport>;

/** The exported database source of that name. @throws Error when there is none. */
export function databaseSource(platform: Platform, name: string): DatabaseSource {
  const databases = platform.sources.filter(isExported);
  const found = databases.find((source) => source.name === name);
  if (found) return found;
  throw new Error(
    `No database source ${JSON.stringify(name)}: there are ${databases.map((d) => d.name).join(', ') || 'none'}`,
  );
}

/** The source with those of its datasets that are wanted. @throws Error when it has one of them not. */
export function onlyWanted(source: DatabaseSource, { datasets }: WantedExport): DatabaseSource {
  if (datasets === undefined) return source;
  const names = datasets.map(({ dataset }) => dataset);
  const unknown = names.find((name) => !source.datasets.includes(name));
  if (unknown === undefined) return { ...source, datasets: names };
  throw new Error(
    `Source ${source.name} has no dataset ${JSON.stringify(unknown)}: it has ${source.datasets.join(', ')}`,
  );
}

/** How the snapshots begin that `npm run ops -- reload` takes: these may be exported beside RDS's automated ones. */
export const reloadPrefix = (environment: string): string => `moraine-${environment}-reload-`;

/** A dataset's table as RDS names it in exports: `database.schema.table`. */
export const exportTarget = (source: DatabaseSource, dataset: string): string =>
  `${source.database}.${source.schema}.${dataset}`;

/** The folder of a dataset's Parquet below the export's root: `database/schema.table`. */
export const exportFolder = (source: DatabaseSource, dataset: string): string =>
  `${source.database}/${source.schema}.${dataset}`;

/** The prefix without slashes at its ends, as RDS takes it (`S3Prefix`). */
export const bare = (prefix: string): string => prefix.replace(/^\/+|\/+$/g, '');
