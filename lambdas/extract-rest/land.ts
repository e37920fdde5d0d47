import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { RestResource } from '../shared/rest-source';
import type { Run } from './state';

/** Where a run's pages land. */
export interface Landing {
  readonly client: S3Client;
  readonly bucket: string;
  /** Key prefix of the run, with a slash at its end. */
  readonly folder: string;
}

export const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');

/** Name of a run's folder, from when it began: `20260131T120000123Z`. */
export const runId = (time: Date): string => time.toISOString().replaceAll(/[-:.]/g, '');

/** Lands a page's own bytes, as gzip, under a name that depends on nothing but its number: landed twice, it is one. */
export async function landPage(landing: Landing, number: number, url: URL, bytes: Buffer): Promise<void> {
  await landing.client.send(
    new PutObjectCommand({
      Bucket: landing.bucket,
      Key: `${landing.folder}page-${String(number).padStart(8, '0')}.json.gz`,
      Body: gzipSync(bytes),
      ContentType: 'application/gzip',
      // S3 takes 2 KB of metadata.
      Metadata: { url: url.href.slice(0, 1500), sha256: sha256(bytes) },
    }),
  );
}

/** Lands what a loader has to know of the run, last of all: a folder without it is not complete. */
export async function landManifest(landing: Landing, source: string, resource: RestResource, run: Run): Promise<void> {
  const manifest = {
    source,
    dataset: resource.dataset,
    run: run.id,
    started_at: run.started_at,
    pages: run.pages,
    records: run.records,
    select: { records: resource.records, fields: resource.fields ?? {} },
  };
  await landing.client.send(
    new PutObjectCommand({
      Bucket: landing.bucket,
      Key: `${landing.folder}manifest.json`,
      Body: JSON.stringify(manifest),
      ContentType: 'application/json',
    }),
  );
}
