import { PutRecordBatchCommand, type FirehoseClient } from '@aws-sdk/client-firehose';
import { backOff, type Sleep } from '../shared/retry';

/** Firehose's limits of one PutRecordBatch. */
const MOST_RECORDS = 500;
const MOST_BYTES = 4 * 1024 * 1024;
const ATTEMPTS = 6;

/** A Firehose stream. */
export interface Stream {
  readonly client: FirehoseClient;
  readonly name: string;
  readonly sleep: Sleep;
}

/**
 * Puts all records on the stream; what it refuses is sent again.
 * @throws Error when some are still refused after six attempts. Others are taken then: sending all again is safe,
 * because an event sent twice is one event.
 * @see https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html
 */
export async function putAll(stream: Stream, records: readonly Uint8Array[]): Promise<void> {
  let left = records;
  for (let attempt = 1; left.length > 0; attempt++) {
    if (attempt > ATTEMPTS) throw new Error(`Firehose refused ${left.length} of ${records.length} records`);
    if (attempt > 1) await stream.sleep(backOff(attempt - 1));
    const refused: Uint8Array[] = [];
    for (const batch of batches(left)) refused.push(...(await put(stream, batch)));
    left = refused;
  }
}

/** Puts one batch and returns what was refused. */
async function put({ client, name }: Stream, batch: readonly Uint8Array[]): Promise<Uint8Array[]> {
  const answer = await client.send(
    new PutRecordBatchCommand({ DeliveryStreamName: name, Records: batch.map((Data) => ({ Data })) }),
  );
  if (!answer.FailedPutCount) return [];
  return batch.filter((_, i) => answer.RequestResponses?.[i]?.ErrorCode !== undefined);
}

/** Cuts records into batches that Firehose takes, in order. */
export function batches(records: readonly Uint8Array[]): Uint8Array[][] {
  const cut: Uint8Array[][] = [];
  let bytes = 0;
  for (const record of records) {
    const last = cut.at(-1);
    if (!last || last.length === MOST_RECORDS || bytes + record.length > MOST_BYTES) {
      cut.push([record]);
      bytes = record.length;
    } else {
      last.push(record);
      bytes += record.length;
    }
  }
  return cut;
}
