import { z } from 'zod';
import { MOST_RECORD_BYTES } from '../shared/put';

/** A line of an error object, as far as it is used here. */
const line = z.object({ rawData: z.base64().min(1) });

/** The record of a line of an error object; or why there is none. */
export type Read = { readonly record: Uint8Array } | { readonly reason: string };

/**
 * Reads a line that Firehose wrote: JSON, with the record in base64. After a transform that failed that is the record as
 * it came; after a table that refused it, the row that the transform made of it. Both go back as they are: a transform
 * tells its own rows (`lambdas/shared/finished.ts`).
 * @see https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-failure-handling.html
 */
export function readLine(text: string): Read {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { reason: 'is not JSON' };
  }
  const { data } = line.safeParse(value);
  if (!data) return { reason: 'has no rawData in base64' };
  const record = Buffer.from(data.rawData, 'base64');
  return record.length > MOST_RECORD_BYTES
    ? { reason: `has a record of ${record.length} bytes; Firehose takes ${MOST_RECORD_BYTES}` }
    : { record };
}
