import { createHash } from 'node:crypto';
import { PutRecordsCommand, type KinesisClient } from '@aws-sdk/client-kinesis';
import type { Stream } from '../shared/put';

/**
 * A Kinesis stream on which records are put again. DMS's partition keys keep the changes of a row in order; here a
 * record's hash spreads them over the shards, for their positions order them.
 * @see https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
 */
export const kinesisStream = (client: KinesisClient, name: string): Omit<Stream, 'sleep'> => ({
  service: 'Kinesis',
  put: async (batch) => {
    const Records = batch.map((Data) => ({ Data, PartitionKey: createHash('sha256').update(Data).digest('hex') }));
    const answer = await client.send(new PutRecordsCommand({ StreamName: name, Records }));
    if (!answer.FailedRecordCount) return [];
    return batch.filter((_, i) => answer.Records?.[i]?.ErrorCode !== undefined);
  },
});
