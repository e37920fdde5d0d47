import { z } from 'zod';

const object = z.custom<Record<string, unknown>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'is no object',
);

/**
 * A record as DMS writes it to Kinesis, as far as it is used here.
 * @see https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Target.Kinesis.html
 */
export const record = z.object({
  metadata: z.object({
    'record-type': z.enum(['data', 'control']),
    operation: z.string(),
    'schema-name': z.string().default(''),
    'table-name': z.string().default(''),
    timestamp: z.string().optional(),
    'commit-timestamp': z.string().optional(),
    'stream-position': z.string().optional(),
    'transaction-record-id': z.unknown().optional(),
  }),
  /** The row; of a delete, its key. */
  data: object.nullish(),
  /** What columns of the key (or all columns) held before an update. */
  'before-image': object.nullish(),
});
export type DmsRecord = z.infer<typeof record>;
export type Metadata = DmsRecord['metadata'];
