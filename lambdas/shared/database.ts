import { z } from 'zod';

const identifier = z
  .string()
  .max(63)
  .regex(/^[a-z](-?[a-z0-9])*$/, "RDS's identifier in lower case: letters, digits and single hyphens, a letter first");

/** The database behind a source, and whose snapshots of it are exported: one of `databases` in `config/`. */
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
    snapshotKeyArn: z
      .string()
      .regex(/^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+$/, 'the ARN of a KMS key, not of an alias')
      .optional(),
  })
  .refine(({ instance, cluster }) => (instance === undefined) !== (cluster === undefined), {
    message: 'name either its instance (RDS) or its cluster (Aurora, Multi-AZ), not both',
  });
export type Database = z.infer<typeof database>;

/** A database as the end of its ARN names it: `db:<instance>` or `cluster:<cluster>`. */
export const databaseIdentifier = ({ instance, cluster }: Database): string =>
  cluster === undefined ? `db:${instance ?? ''}` : `cluster:${cluster}`;

/** How the copies of a database's shared snapshots begin in this account; only these are copied to and deleted. */
export const copyPrefix = (environment: string, of: Database): string =>
  `moraine-${environment}-${databaseIdentifier(of).replace(':', '-')}-`;
