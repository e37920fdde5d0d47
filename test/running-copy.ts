import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GlueClient } from '@aws-sdk/client-glue';
import { S3Client } from '@aws-sdk/client-s3';
import { Client } from 'pg';
import { readTable } from '../lambdas/migrate-tables/execute';
import { sleep } from '../lambdas/shared/retry';
import type { CollectorSource } from '../lambdas/shared/source';
import type { TableDeclaration } from '../lambdas/shared/tables';
import { localUrl } from '../local/api';
import { credentials, REGION } from '../local/parts';
import { sender } from '../local/write-key';
import { sources } from '../sources';
import type { ProjectCopy } from './project-copy';

/** What a test asks of a copy of the project that runs. */

const endpointOf = ({ port }: ProjectCopy): string => `http://127.0.0.1:${port + 1}`;

/** Rows of a query in the source's database, or in the warehouse. Several statements at once give none. */
export async function query<R extends object>(
  { port }: ProjectCopy,
  part: 'source' | 'warehouse',
  sql: string,
  values: unknown[] = [],
): Promise<R[]> {
  const [offset, database] = part === 'source' ? [2, 'operations'] : [3, 'warehouse'];
  const client = new Client({ connectionString: `postgresql://postgres:local@127.0.0.1:${port + offset}/${database}` });
  await client.connect();
  try {
    return (await client.query<R>(sql, values)).rows;
  } finally {
    await client.end();
  }
}

/** The rows that an endpoint of the API answers. */
export const ask = async ({ port }: ProjectCopy, path: string): Promise<Record<string, unknown>[]> =>
  ((await (await fetch(`http://127.0.0.1:${port}${path}`)).json()) as { data: Record<string, unknown>[] }).data;

/** The ids by which a silver table's files know its columns. */
export async function fieldIds(copy: ProjectCopy, dataset: string): Promise<Map<string, number>> {
  const aws = { endpoint: endpointOf(copy), region: REGION, credentials, forcePathStyle: true };
  const lake = { glue: new GlueClient(aws), s3: new S3Client(aws), sleep, environment: 'local', bucket: '' };
  const state = await readTable(lake, { layer: 'silver', name: dataset } as TableDeclaration);
  return new Map(state?.fields.map(({ name, id }) => [name, id]));
}

/** Sends events to the collector of a dataset, as its senders do. @returns the status of the answer */
export async function collect(copy: ProjectCopy, dataset: string, events: readonly object[]): Promise<number> {
  const outputs = JSON.parse(readFileSync(join(copy.state, 'outputs.json'), 'utf8')) as Record<string, object>;
  const { CollectorUrl } = Object.assign({}, ...Object.values(outputs)) as { CollectorUrl: string };
  const url = `${localUrl(endpointOf(copy), CollectorUrl)}/events/${dataset}`;
  const source = sources.find((one) => one.kind === 'collector' && one.dataset === dataset) as CollectorSource;
  const post = await sender(endpointOf(copy), source);
  return (await post(url, JSON.stringify(events))).status;
}
