import { RDSClient } from '@aws-sdk/client-rds';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { copyPrefix, database, databaseIdentifier, type Database } from '../shared/database';
import { documentClient } from '../shared/document-client';
import { json, readEnv, text, type Variables } from '../shared/env';
import { bare, databaseSource, exportTarget, onlyWanted, wantedExport, type StartedExport } from '../shared/export';
import { log } from '../shared/log';
import { parse } from '../shared/parse';
import { platform, type Platform } from '../shared/platform';
import { snapshotPosition } from '../shared/position';
import { recordExport } from '../shared/run-records';
import { epochOf, isCaptured } from '../shared/source';
import { copyOf, deleteOtherCopies } from './copy';
import { exportId, named, newest, snapshotsOf, type Snapshot } from './snapshot';
import { choose, start, tasksOf, type ExportTarget, type Task } from './task';

const environment = {
  LANDING_BUCKET: text,
  EXPORT_PREFIX: text,
  EXPORT_ROLE_ARN: text,
  EXPORT_KEY_ARN: text,
  RUNS_TABLE: text,
  /** Source name → its database. */
  DATABASES: json(z.record(z.string(), database)),
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
 * Exports the newest snapshot of a source, or the one that is named, to the landing bucket: all of the source's tables, or
 * those that are named. Once: asked again, it answers with the same export.
 * A snapshot that another account shares is copied first. The answer is `queued`, with what it `waitsFor`, until the
 * copy is made and RDS has room for one more export: ask again then.
 * @throws Error when the source is unknown, has no database here, has no snapshot yet, or not the one or the table named.
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.html
 */
export const makeHandler =
  (deps: Deps) =>
  async (event: unknown): Promise<StartedExport & Omit<Task, 'id'>> => {
    const config = readEnv(environment, deps.env);
    const wanted = parse('start-export', wantedExport, event);
    const platform = deps.platform();
    const source = onlyWanted(databaseSource(platform, wanted.source), wanted);
    const from = config.DATABASES[source.name] as Database | undefined;
    if (!from) throw new Error(`Source ${source.name} has no database here; name it in config/ under databases`);

    const kind = from.snapshotsFrom === undefined ? config.SNAPSHOT_TYPE : 'shared';
    const snapshot =
      wanted.snapshot === undefined
        ? newest(await snapshotsOf(deps.rds, from, kind))
        : named(wanted.snapshot, await snapshotsOf(deps.rds, from, kind === 'shared' ? kind : 'any'));
    if (!snapshot) throw noSnapshot(from, kind);
    const tables = source.datasets.map((dataset) => exportTarget(source, dataset));
    const id = exportId(snapshot, tables);
    const target = {
      tables,
      bucket: config.LANDING_BUCKET,
      prefix: bare(config.EXPORT_PREFIX),
      roleArn: config.EXPORT_ROLE_ARN,
      keyArn: config.EXPORT_KEY_ARN,
    };
    const task =
      kind === 'shared'
        ? await exportCopy(deps.rds, id, snapshot, target, from, copyPrefix(platform.environment, from))
        : await exportOnce(deps.rds, id, { ...target, snapshot });
    const { status, waitsFor } = task;
    const started = {
      ...wanted,
      exportId: task.id,
      snapshotId: snapshot.id,
      position: snapshotPosition(snapshot.created, isCaptured(source) ? epochOf(source) : undefined),
      committedAt: snapshot.created.toISOString(),
      status,
    };
    await recordExport({ client: deps.runs, table: config.RUNS_TABLE }, started, deps.now());
    log('export', { ...started, waitsFor });
    return waitsFor === undefined ? started : { ...started, waitsFor };
  };

async function exportOnce(rds: RDSClient, id: string, target: ExportTarget): Promise<Task> {
  const choice = choose(id, await tasksOf(rds, target.snapshot.arn));
  return 'start' in choice ? start(rds, choice.start, target) : choice;
}

/** Exports our copy of a shared snapshot, and keeps no other copy than that. */
async function exportCopy(
  rds: RDSClient,
  id: string,
  shared: Snapshot,
  target: Omit<ExportTarget, 'snapshot'>,
  from: Database,
  prefix: string,
): Promise<Task> {
  const copies = { database: from, prefix, keyArn: target.keyArn };
  const copy = await copyOf(rds, shared, copies);
  if (!copy) return { id, status: 'queued', waitsFor: `our copy of snapshot ${shared.arn}` };
  const task = await exportOnce(rds, id, { ...target, snapshot: copy });
  await deleteOtherCopies(rds, copy, copies);
  return task;
}

function noSnapshot(from: Database, kind: 'automated' | 'any' | 'shared'): Error {
  const name = databaseIdentifier(from);
  if (kind === 'shared') {
    return new Error(
      `Account ${from.snapshotsFrom ?? ''} shares no snapshot of ${name} that is available: let it share one made by hand ` +
        '(or a copy of an automated one) with this account, in this region, or correct snapshotsFrom in config/',
    );
  }
  return new Error(
    `${name} has no ${kind === 'any' ? '' : 'automated '}snapshot that is available; ` +
      'wait for the first backup window, or take a snapshot and set snapshotType to any in config/',
  );
}

export const handler = makeHandler({
  env: process.env,
  platform,
  rds: new RDSClient(),
  runs: documentClient(),
  now: () => new Date(),
});
