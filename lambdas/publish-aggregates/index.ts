import { RedshiftDataClient } from '@aws-sdk/client-redshift-data';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { documentClient } from '../shared/document-client';
import { readEnv, text, type Variables } from '../shared/env';
import { log } from '../shared/log';
import { parse } from '../shared/parse';
import { platform, type Platform } from '../shared/platform';
import { sleep, type Sleep } from '../shared/retry';
import { lastPublish, recordPublish } from '../shared/run-records';
import { runStatement, warehouseOf } from '../shared/statement';
import { digestOf, groupRows, selectSql } from './rows';
import { confirmPointer, deleteOld, flipPointer, noteShown, writeVersion } from './store';

/** `again`: only what the pipeline has published before, for a warehouse that is new has no gold yet. */
const request = z.object({ runId: z.string().min(1), again: z.boolean().default(false) });

const environment = {
  WORKGROUP: text,
  DATABASE: text,
  /** Left out, the handler's role logs in as itself (`IAMR:<role>`). */
  SECRET_ARN: text.optional(),
  SERVING_TABLE: text,
  RUNS_TABLE: text,
};

/** Rows published of one endpoint, of all its filters together; with more, a parameter has too many values. */
const MOST_PUBLISHED = 100_000;

export interface Deps {
  readonly env: Variables;
  readonly platform: () => Platform;
  readonly redshift: RedshiftDataClient;
  readonly dynamo: DynamoDBDocumentClient;
  readonly now: () => Date;
  readonly sleep: Sleep;
}

export interface Published {
  readonly runId: string;
  readonly publishedAt: string;
  readonly endpoints: readonly { path: string; rows: number; current: boolean }[];
}

/**
 * Copies each endpoint's aggregate from gold to the serving table, as a new version that becomes visible at once. Of one
 * that has not changed only the time is written: a publication costs what it changes.
 * @throws Error when a model can't be read or has too many rows; what was published before stays.
 */
export const makeHandler =
  (deps: Deps) =>
  async (event: unknown): Promise<Published> => {
    const config = readEnv(environment, deps.env);
    const { runId, again } = parse('publish-aggregates', request, event);
    const runs = { client: deps.dynamo, table: config.RUNS_TABLE };
    const publishedAt = deps.now().toISOString();
    if (again && !(await lastPublish(runs))) {
      log('nothing has been published yet', { runId });
      return { runId, publishedAt, endpoints: [] };
    }
    const version = `${publishedAt}.${runId}`;
    const warehouse = warehouseOf(config, deps);
    const serving = { client: deps.dynamo, table: config.SERVING_TABLE, sleep: deps.sleep };

    const endpoints = [];
    for (const endpoint of deps.platform().endpoints) {
      const rows = await runStatement(warehouse, selectSql(endpoint));
      if (rows.length > MOST_PUBLISHED) {
        throw new Error(
          `gold.${endpoint.model} has ${rows.length} rows that can be asked for; an endpoint publishes at most ${MOST_PUBLISHED}: aggregate further, or leave a parameter out`,
        );
      }
      const groups = groupRows(endpoint, rows);
      const digest = digestOf(groups);
      if (await confirmPointer(serving, endpoint.path, { publishedAt, digest })) {
        endpoints.push({ path: endpoint.path, rows: rows.length, current: true });
        log('endpoint has not changed', { path: endpoint.path, rows: rows.length });
        continue;
      }
      await writeVersion(serving, endpoint.path, version, groups);
      const current = await flipPointer(serving, endpoint.path, { version, publishedAt, rows: rows.length, digest });
      const now = deps.now();
      if (current) await noteShown(serving, endpoint.path, version, now);
      const deleted = await deleteOld(serving, endpoint.path, now);
      endpoints.push({ path: endpoint.path, rows: rows.length, current });
      log('endpoint published', { path: endpoint.path, rows: rows.length, version, current, deleted });
    }
    await recordPublish(runs, { run_id: runId, published_at: publishedAt });
    return { runId, publishedAt, endpoints };
  };

export const handler = makeHandler({
  env: process.env,
  platform,
  redshift: new RedshiftDataClient(),
  dynamo: documentClient(),
  now: () => new Date(),
  sleep,
});
