import { RDSClient } from '@aws-sdk/client-rds';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { documentClient } from '../shared/document-client';
import { json, readEnv, text, type Variables } from '../shared/env';
import { bare, databaseSource, exportTarget, type StartedExport } from '../shared/export';
import { log } from '../shared/log';
import { parse } from '../shared/parse';
import { platform, type Platform } from '../shared/platform';
import { snapshotPosition } from '../shared/position';
import { recordExport } from '../shared/run-records';
import { exportId, newest, snapshotsOf } from './snapshot';
import { choose, start, tasksOf } from './task';

const environment = {
  LANDING_BUCKET: text,
  EXPORT_PREFIX: text,
  EXPORT_ROLE_ARN: text,
  EXPORT_KEY_ARN: text,
  RUNS_TABLE: text,
  /** Source name → RDS instance identifier. */
  DB_INSTANCES: json(z.record(z.string(), z.string())),
  SNAPSHOT_TYPE: z.enum(['automated', 'any']),
};

export interface Deps {
  readonly env: Variables;
  readonly platform: () => Platform;
  readonly rds: RDSClient;
  readonly runs: DynamoDBDocumentClient;
  readonly now: () => Date;
}

/**
 * Exports the newest snapshot of a source to the landing bucket, once: asked again, it answers with the same export.
 * @throws Error when the source is unknown, has no instance here, or has no snapshot yet.
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.html
 */
export const makeHandler =
  (deps: Deps) =>
  async (event: unknown): Promise<StartedExport & { status: 'running' | 'complete' }> => {
    const config = readEnv(environment, deps.env);
    const request = parse('start-export', z.object({ source: z.string() }), event);
    const source = databaseSource(deps.platform(), request.source);
    const instance = config.DB_INSTANCES[source.name] as string | undefined;
    if (!instance) throw new Error(`Source ${source.name} has no instance here; name it in config/ under databases`);

    const snapshot = newest(await snapshotsOf(deps.rds, instance, config.SNAPSHOT_TYPE));
    if (!snapshot) {
      throw new Error(
        `RDS instance ${instance} has no ${config.SNAPSHOT_TYPE === 'any' ? '' : 'automated '}snapshot that is available; ` +
          'wait for the first backup window, or take a snapshot and set snapshotType to any in config/',
      );
    }
    const tables = source.datasets.map((dataset) => exportTarget(source, dataset));
    const choice = choose(exportId(snapshot, tables), await tasksOf(deps.rds, snapshot.arn));
    const task =
      'start' in choice
        ? await start(deps.rds, choice.start, {
            snapshotArn: snapshot.arn,
            tables,
            bucket: config.LANDING_BUCKET,
            prefix: bare(config.EXPORT_PREFIX),
            roleArn: config.EXPORT_ROLE_ARN,
            keyArn: config.EXPORT_KEY_ARN,
          })
        : choice;
    const started = {
      source: source.name,
      exportId: task.id,
      snapshotId: snapshot.id,
      position: snapshotPosition(snapshot.created),
      committedAt: snapshot.created.toISOString(),
      status: task.status,
    };
    await recordExport({ client: deps.runs, table: config.RUNS_TABLE }, started, deps.now());
    log('export', { ...started, started: 'start' in choice });
    return started;
  };

export const handler = makeHandler({
  env: process.env,
  platform,
  rds: new RDSClient(),
  runs: documentClient(),
  now: () => new Date(),
});
