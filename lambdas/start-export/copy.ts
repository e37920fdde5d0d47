import { createHash } from 'node:crypto';
import {
  CopyDBClusterSnapshotCommand,
  CopyDBSnapshotCommand,
  DeleteDBClusterSnapshotCommand,
  DeleteDBSnapshotCommand,
  type RDSClient,
} from '@aws-sdk/client-rds';
import type { Database } from '../shared/database';
import { snapshotsOf, type Snapshot } from './snapshot';

/** Where copies of a database's shared snapshots go. */
export interface Copies {
  readonly database: Database;
  /** How their identifiers begin (`copyPrefix`). */
  readonly prefix: string;
  /** The key that encrypts them. */
  readonly keyArn: string;
}

/**
 * Our own copy of a shared snapshot, which is exported in its stead: an export begins by restoring the snapshot, and RDS
 * restores no instance from a snapshot that is both shared and encrypted, but from a copy. Asked again it answers with
 * the same copy.
 * @returns the copy when it is ready, undefined while it is made
 * @throws Error when the snapshot is encrypted with a key that is not the configured one, or the copy went wrong.
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ShareSnapshot.html
 */
export async function copyOf(rds: RDSClient, shared: Snapshot, copies: Copies): Promise<Snapshot | undefined> {
  const { database, prefix } = copies;
  if (shared.keyArn !== undefined && shared.keyArn !== database.snapshotKeyArn) {
    throw new Error(
      `Snapshot ${shared.arn} is encrypted with ${shared.keyArn}, and snapshotKeyArn in config/ is ` +
        `${database.snapshotKeyArn ?? 'not set'}: set it to that key, and let the key's policy allow this account to use it`,
    );
  }
  const hash = createHash('sha256').update(`${shared.arn}\n${shared.created.toISOString()}`).digest('hex');
  const id = `${prefix}${hash.slice(0, 16)}`;
  const copy = (await snapshotsOf(rds, database, 'manual')).find((one) => one.id === id);
  if (copy?.status === 'available') return copy;
  if (copy && !['creating', 'copying', 'pending'].includes(copy.status)) {
    throw new Error(`Copy ${id} of snapshot ${shared.arn} is ${copy.status}: delete it, and the next run copies anew`);
  }
  if (!copy) await start(rds, shared, id, copies);
  return undefined;
}

/** Deletes all copies but `kept`. One that RDS is still busy with is left to the next run. */
export async function deleteOtherCopies(rds: RDSClient, kept: Snapshot, copies: Copies): Promise<void> {
  const ours = (await snapshotsOf(rds, copies.database, 'manual')).filter(({ id }) => id.startsWith(copies.prefix));
  for (const { id } of ours.filter((one) => one.id !== kept.id)) {
    await unless(/SnapshotNotFound|InvalidDB(Cluster)?SnapshotState/, () =>
      copies.database.cluster === undefined
        ? rds.send(new DeleteDBSnapshotCommand({ DBSnapshotIdentifier: id }))
        : rds.send(new DeleteDBClusterSnapshotCommand({ DBClusterSnapshotIdentifier: id })),
    );
  }
}

/** Starts a copy; that another call started it first is no error. */
async function start(rds: RDSClient, shared: Snapshot, id: string, { database, keyArn }: Copies): Promise<void> {
  await unless(/SnapshotAlreadyExists/, () =>
    database.cluster === undefined
      ? rds.send(
          new CopyDBSnapshotCommand({
            SourceDBSnapshotIdentifier: shared.arn,
            TargetDBSnapshotIdentifier: id,
            KmsKeyId: keyArn,
          }),
        )
      : rds.send(
          new CopyDBClusterSnapshotCommand({
            SourceDBClusterSnapshotIdentifier: shared.arn,
            TargetDBClusterSnapshotIdentifier: id,
            // RDS refuses to encrypt the copy of a cluster's snapshot that is not.
            KmsKeyId: shared.keyArn && keyArn,
          }),
        ),
  );
}

/** Does something, and takes errors of these names for done. */
async function unless(names: RegExp, action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof Error && names.test(error.name))) throw error;
  }
}
