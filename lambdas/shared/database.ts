import { z } from 'zod';

const identifier = z
  .string()
  .max(63)
  .regex(/^[a-z](-?[a-z0-9])*$/, "RDS's identifier in lower case: letters, digits and single hyphens, a letter first");
const keyArn = z
  .string()
  .regex(/^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+$/, 'the ARN of a KMS key, not of an alias');

/**
 * DMS capacity units, of 2 GB of memory each.
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-dms-replicationconfig-computeconfig.html
 */
const CAPACITIES = [1, 2, 4, 8, 16, 32, 64, 128, 192, 256, 384];
const capacity = z
  .int()
  .refine((units) => CAPACITIES.includes(units), `allowed are ${CAPACITIES.join(', ')} (DMS capacity units)`);

/** How DMS reaches a database whose changes are captured, and how large it may grow. */
const capture = z
  .strictObject({
    /**
     * The secret of Secrets Manager with `username`, `password`, `host` and `port`. Those that RDS makes for its master
     * users lack the last two, and DMS can't use them.
     */
    secretArn: z
      .string()
      .regex(
        /^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+$/,
        'the ARN of a secret in Secrets Manager, with username, password, host and port',
      ),
    /** The customer-managed key that encrypts the secret. @default - Secrets Manager's own key */
    secretKeyArn: keyArn.optional(),
    /**
     * A certificate of DMS (`aws dms import-certificate`) with the authority of the database's own: its name is then
     * verified. MySQL needs one, for DMS knows no unverified TLS there. @default - TLS without verification
     */
    certificateArn: z
      .string()
      .regex(/^arn:aws[a-z-]*:dms:[a-z0-9-]+:\d{12}:cert:[\w-]+$/, 'the ARN of a certificate of DMS')
      .optional(),
    /** The least capacity, paid for all day. @default 1 */
    minCapacityUnits: capacity.default(1),
    /** The most capacity. @default 4 */
    maxCapacityUnits: capacity.default(4),
    /** A standby in a second zone, which AWS recommends for change capture, at twice the price. @default true */
    multiAz: z.boolean().default(true),
    /** The secret leads to a read replica, in which DMS can write nothing. @default false */
    readReplica: z.boolean().default(false),
    /** Tell changes of tables too, by a trigger that DMS makes in the database (PostgreSQL). @default true */
    captureDdls: z.boolean().default(true),
    /** How long changes wait in Kinesis, at the most, for somebody to read them. @default 168 */
    streamRetentionHours: z.int().min(24).max(168).default(168),
    /** Shards of the stream. @default - on demand: Kinesis adds them as changes come */
    streamShards: z.int().min(1).max(200).optional(),
  })
  .refine(({ minCapacityUnits, maxCapacityUnits }) => minCapacityUnits <= maxCapacityUnits, {
    path: ['maxCapacityUnits'],
    message: 'minCapacityUnits or more',
  });
export type CaptureSettings = z.infer<typeof capture>;

/** The database behind a source, whose snapshots of it are exported, and how its changes are captured. */
export const database = z
  .strictObject({
    /** An RDS instance. */
    instance: identifier.optional(),
    /** An Aurora cluster, or a Multi-AZ cluster of RDS. */
    cluster: identifier.optional(),
    /** The account that shares snapshots of it with this one. @default - it is in this account */
    snapshotsFrom: z
      .string()
      .regex(/^\d{12}$/, 'twelve digits')
      .optional(),
    /** The customer-managed key that encrypts its snapshots. @default - RDS's own key, or none */
    snapshotKeyArn: keyArn.optional(),
    /** Where the source has `capture`, and only there. */
    capture: capture.optional(),
  })
  .refine(({ instance, cluster }) => (instance === undefined) !== (cluster === undefined), {
    message: 'name either its instance (RDS) or its cluster (Aurora, Multi-AZ), not both',
  });
export type Database = z.infer<typeof database>;

/** A database as the end of its ARN names it: `db:<instance>` or `cluster:<cluster>`. */
export const databaseIdentifier = ({ instance, cluster }: Pick<Database, 'instance' | 'cluster'>): string =>
  cluster === undefined ? `db:${instance ?? ''}` : `cluster:${cluster}`;

/** How the copies of a database's shared snapshots begin in this account; only these are copied to and deleted. */
export const copyPrefix = (environment: string, of: Pick<Database, 'instance' | 'cluster'>): string =>
  `moraine-${environment}-${databaseIdentifier(of).replace(':', '-')}-`;
