import { createHash } from 'node:crypto';
import { paginateDescribeDBSnapshots, type DBSnapshot, type RDSClient } from '@aws-sdk/client-rds';

/** A snapshot that can be exported. */
export interface Snapshot {
  readonly id: string;
  readonly arn: string;
  /** When its data was taken; a copy keeps the time of its original. */
  readonly created: Date;
}

/** All snapshots of a database instance, of one kind or of any. */
export async function snapshotsOf(rds: RDSClient, instance: string, type: 'automated' | 'any'): Promise<DBSnapshot[]> {
  const found: DBSnapshot[] = [];
  const input = { DBInstanceIdentifier: instance, ...(type === 'automated' && { SnapshotType: 'automated' }) };
  for await (const page of paginateDescribeDBSnapshots({ client: rds }, input)) found.push(...(page.DBSnapshots ?? []));
  return found;
}

/** The newest snapshot that is ready, if there is one. */
export function newest(snapshots: readonly DBSnapshot[]): Snapshot | undefined {
  return snapshots
    .flatMap((s): Snapshot[] => {
      const created = s.OriginalSnapshotCreateTime ?? s.SnapshotCreateTime;
      if (s.Status !== 'available' || !created || !s.DBSnapshotIdentifier || !s.DBSnapshotArn) return [];
      return [{ id: s.DBSnapshotIdentifier, arn: s.DBSnapshotArn, created }];
    })
    .sort((a, b) => b.created.getTime() - a.created.getTime() || b.id.localeCompare(a.id))
    .at(0);
}

/**
 * The export task's identifier: the same for the same snapshot and the same tables, so that asking twice starts one.
 * RDS allows 60 letters, digits and hyphens, a letter first, no hyphen last, no two in a row.
 */
export function exportId(snapshot: Snapshot, targets: readonly string[]): string {
  const words = snapshot.id.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  const name = `x-${words}`.replace(/-+/g, '-').slice(0, 47).replace(/-$/, '');
  const content = [snapshot.arn, snapshot.created.toISOString(), ...[...targets].sort()].join('\n');
  return `${name}-${createHash('sha256').update(content).digest('hex').slice(0, 8)}`;
}
