import type { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { REPLAYED } from '../shared/replay';

/** The errors bucket. */
export interface Errors {
  readonly s3: S3Client;
  readonly bucket: string;
}

/** Which objects are meant. */
export interface Wanted {
  readonly prefix: string;
  readonly after?: string;
  readonly since?: Date;
  readonly until: Date;
}

/** The keys of the objects that Firehose wrote in a time, in their order. */
export async function* keysOf({ s3, bucket }: Errors, { prefix, after, since, until }: Wanted): AsyncGenerator<string> {
  for (let start = after; ;) {
    const page = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, StartAfter: start }));
    for (const { Key, LastModified } of page.Contents ?? []) {
      if (!Key || !LastModified || LastModified >= until || (since && LastModified < since)) continue;
      yield Key;
    }
    start = page.Contents?.at(-1)?.Key;
    if (!page.IsTruncated || start === undefined) return;
  }
}

/**
 * The lines of an object, one after the other; none when somebody else has moved it meanwhile.
 * @throws Error when it breaks off: what was read of it is not all. (Node's readline would end as if it were.)
 */
export async function* linesOf({ s3, bucket }: Errors, key: string): AsyncGenerator<string> {
  let rest = '';
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    const decoder = new TextDecoder();
    for await (const chunk of Body as Readable) {
      const lines = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      yield* lines.filter((line) => line.trim() !== '');
    }
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  if (rest.trim() !== '') yield rest;
}

/**
 * Says that an object is replayed: it lies below `replayed/` from then on, and only the lines that could not be read stay
 * where it was.
 */
export async function mark({ s3, bucket }: Errors, key: string, left: readonly string[]): Promise<void> {
  const from = [bucket, ...key.split('/')].map(encodeURIComponent).join('/');
  try {
    await s3.send(new CopyObjectCommand({ Bucket: bucket, CopySource: from, Key: REPLAYED + key }));
  } catch (error) {
    if (isGone(error)) return;
    throw error;
  }
  if (left.length === 0) {
    await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
  } else {
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: left.map((line) => `${line}\n`).join('') }));
  }
}

const isGone = (error: unknown): boolean => error instanceof Error && /^(NoSuchKey|NotFound)$/.test(error.name);
