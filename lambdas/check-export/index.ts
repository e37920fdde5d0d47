import { DescribeExportTasksCommand, RDSClient } from '@aws-sdk/client-rds';
import { S3Client } from '@aws-sdk/client-s3';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { documentClient } from '../shared/document-client';
import { readEnv, text, type Variables } from '../shared/env';
import { bare, databaseSource, exportFolder, onlyWanted, startedExport, type StartedExport } from '../shared/export';
import { log } from '../shared/log';
import { parse } from '../shared/parse';
import { platform, type Platform } from '../shared/platform';
import { recordExport } from '../shared/run-records';
import { hasParquet, tableStatuses } from './landed';
import { skipped, taskStatus, type Skipped } from './verdict';

const environment = { LANDING_BUCKET: text, EXPORT_PREFIX: text, RUNS_TABLE: text };

export interface Deps {
  readonly env: Variables;
  readonly platform: () => Platform;
  readonly rds: RDSClient;
  readonly s3: S3Client;
  readonly runs: DynamoDBDocumentClient;
  readonly now: () => Date;
}

/** A table that is ready to be loaded: RDS says that it is complete, which it may be without any file. */
export interface LandedTable {
  readonly dataset: string;
  /** Folder below `export`: `<database>/<schema>.<table>`. */
  readonly table: string;
  /** Root of the export, with a slash at its end. */
  readonly export: string;
  readonly exportId: string;
  readonly position: string;
  readonly committedAt: string;
  /** RDS says that every row is there: only then may the load delete. */
  readonly complete: boolean;
}

export interface CheckedExport extends StartedExport {
  readonly status: 'running' | 'complete';
  readonly tables: readonly LandedTable[];
  /** Datasets whose tables RDS left out: they fail, and stop no other. */
  readonly skipped: readonly Skipped[];
}

/**
 * Says whether an export is complete, and gives the tables that were wanted then, and those that RDS left out. An empty
 * table may have no Parquet file; `load_snapshot` knows whether that can be.
 * @throws Error when the export failed, or landed nothing though RDS says that it did.
 */
export const makeHandler =
  (deps: Deps) =>
  async (event: unknown): Promise<CheckedExport> => {
    const config = readEnv(environment, deps.env);
    const started = parse('check-export', startedExport, event);
    const source = onlyWanted(databaseSource(deps.platform(), started.source), started);
    const record = (status: 'running' | 'complete' | 'failed') =>
      recordExport({ client: deps.runs, table: config.RUNS_TABLE }, { ...started, status }, deps.now());

    try {
      const { ExportTasks } = await deps.rds.send(
        new DescribeExportTasksCommand({ ExportTaskIdentifier: started.exportId }),
      );
      const task = ExportTasks?.find((t) => t.ExportTaskIdentifier === started.exportId);
      if (taskStatus(started.exportId, task) === 'running')
        return { ...started, status: 'running', tables: [], skipped: [] };

      const prefix = bare(config.EXPORT_PREFIX);
      const landed = await landedTables(deps.s3, config.LANDING_BUCKET, prefix, started, source, task?.WarningMessage);
      await record('complete');
      return { ...started, status: 'complete', ...landed };
    } catch (error) {
      await record('failed');
      throw error;
    }
  };

async function landedTables(
  s3: S3Client,
  bucket: string,
  prefix: string,
  started: StartedExport,
  source: ReturnType<typeof databaseSource>,
  warning: string | undefined,
): Promise<Pick<CheckedExport, 'tables' | 'skipped'>> {
  const { exportId, position, committedAt } = started;
  const root = `${prefix}/${exportId}/`;
  const statuses = await tableStatuses(s3, bucket, root, exportId);
  const left = skipped(source, { id: exportId, warning }, statuses);
  const warned = statuses.filter((status) => status.warning !== undefined || status.status !== 'COMPLETE');
  if (warning || warned.length > 0) log('export-warnings', { exportId, warning, tables: warned });

  const whole = source.datasets.filter((dataset) => !left.some((one) => one.dataset === dataset));
  if (whole.length > 0 && !(await hasParquet(s3, bucket, root))) {
    throw new Error(
      `Export ${exportId} says that it is complete, and there is no Parquet file below s3://${bucket}/${root}: ` +
        'check that the tables have rows in the database and that the export role may write there',
    );
  }
  const tables = whole.map((dataset) => ({
    dataset,
    table: exportFolder(source, dataset),
    export: `s3://${bucket}/${root}`,
    exportId,
    position,
    committedAt,
    complete: true,
  }));
  return { tables, skipped: left };
}

export const handler = makeHandler({
  env: process.env,
  platform,
  rds: new RDSClient(),
  s3: new S3Client(),
  runs: documentClient(),
  now: () => new Date(),
});
