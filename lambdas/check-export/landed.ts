import { GetObjectCommand, ListObjectsV2Command, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { parse } from '../shared/parse';

/** What RDS reports of one table, or of a whole database or schema when it warns of that. */
export interface TableStatus {
  /** `database.schema.table`, or less. */
  readonly target: string;
  readonly status: string;
  /** RDS's own words, when it gives any. */
  readonly warning?: string;
}

/** RDS documents no form of its warnings: text is taken as it is, anything else as JSON. */
const tableStatus = z
  .object({ target: z.string(), status: z.string().default('SKIPPED'), warningMessage: z.unknown().optional() })
  .transform(({ target, status, warningMessage: warning }): TableStatus => {
    const text = typeof warning === 'string' ? warning : JSON.stringify(warning ?? '');
    return { target, status: status.toUpperCase(), warning: warning ? text : undefined };
  });
const info = z.object({ perTableStatus: z.array(tableStatus) });

/**
 * What the export's own files say about its tables: all of `export_tables_info_<id>_from_<a>_to_<b>.json`.
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.FileNames.html
 */
export async function tableStatuses(s3: S3Client, bucket: string, root: string, id: string): Promise<TableStatus[]> {
  const statuses: TableStatus[] = [];
  const input = { Bucket: bucket, Prefix: `${root}export_tables_info_${id}_from_` };
  for await (const page of paginateListObjectsV2({ client: s3 }, input)) {
    for (const { Key } of page.Contents ?? []) {
      if (!Key?.endsWith('.json')) continue;
      const object = await s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
      const body: unknown = JSON.parse((await object.Body?.transformToString()) ?? '');
      statuses.push(...parse(`s3://${bucket}/${Key}`, info, body).perTableStatus);
    }
  }
  return statuses;
}

/** Whether there is a Parquet file below a folder. Part numbers have gaps and `_SUCCESS` is not promised. */
export async function hasParquet(s3: S3Client, bucket: string, folder: string): Promise<boolean> {
  let ContinuationToken: string | undefined;
  do {
    const page = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: folder, ContinuationToken }));
    if (page.Contents?.some(({ Key }) => Key?.endsWith('.parquet'))) return true;
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken);
  return false;
}
