import { PutRecordBatchCommand, type FirehoseClient } from '@aws-sdk/client-firehose';
import { backOff, type Sleep } from './retry';

/** The limits of one PutRecordBatch; Kinesis's PutRecords takes as many records, and more bytes. */
const MOST_RECORDS = 500;
const MOST_BYTES = 4 * 1024 * 1024;

/** Bytes of one record, Firehose's limit. */
export const MOST_RECORD_BYTES = 1000 * 1024;

/** A stream on which records are put. */
export interface Stream {
  /** Of the service, for messages. */
  readonly service: string;
  /** Puts one batch. @returns what of it was refused */
  readonly put: (batch: readonly Uint8Array[]) => Promise<readonly Uint8Array[]>;
  readonly sleep: Sleep;
  /** How often a record is put at most. @default 6 */
  readonly attempts?: number;
}

/** A Firehose stream on which records are put. */
export const firehoseStream = (client: FirehoseClient, name: string): Omit<Stream, 'sleep'> => ({
  service: 'Firehose',
  put: async (batch) => {
    const answer = await client.send(
      new PutRecordBatchCommand({ DeliveryStreamName: name, Records: batch.map((Data) => ({ Data })) }),
    );
    if (!answer.FailedPutCount) return [];
    return batch.filter((_, i) => answer.RequestResponses?.[i]?.ErrorCode !== undefined);
  },
});

/**
 * Puts all records on the stream; what it refuses is sent again.
 * @throws Error when some are still refused after the last attempt. Others are taken then: sending all again is safe,
 * because a record sent twice is one row.
 * @see https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html
 */
export async function putAll(stream: Stream, records: readonly Uint8Array[]): Promise<void> {
  const { attempts = 6 } = stream;
  let left = records;
  for (let attempt = 1; left.length > 0; attempt++) {
    if (attempt > attempts) throw new Error(`${stream.service} refused ${left.length} of ${records.length} records`);
    if (attempt > 1) await stream.sleep(backOff(attempt - 1));
    const refused: Uint8Array[] = [];
    for (const batch of batches(left)) refused.push(...(await stream.put(batch)));
    left = refused;
  }
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
