import { createHash } from 'node:crypto';
import {
  paginateDescribeDBClusterSnapshots,
  paginateDescribeDBSnapshots,
  type DBClusterSnapshot,
  type DBSnapshot,
  type RDSClient,
} from '@aws-sdk/client-rds';
import type { Database } from '../shared/database';

/** A snapshot of an instance or of a cluster. */
export interface Snapshot {
  readonly id: string;
  readonly arn: string;
  /** When its data was taken; a copy keeps the time of its original. */
  readonly created: Date;
  readonly status: string;
  /** The key that encrypts it; undefined when nothing does. */
  readonly keyArn?: string;
}

/** Which snapshots: RDS's daily ones, ours of any kind, those made by hand (and copies), those shared with us. */
export type Kind = 'automated' | 'any' | 'manual' | 'shared';

/**
 * The snapshots of a database, of one kind. RDS keeps those of instances and those of clusters apart.
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBSnapshots.html
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBClusterSnapshots.html
 */
export async function snapshotsOf(rds: RDSClient, database: Database, kind: Kind): Promise<Snapshot[]> {
  const type = kind === 'any' ? {} : { SnapshotType: kind, ...(kind === 'shared' && { IncludeShared: true }) };
  // RDS takes the name of a database of this account only; those of shared snapshots and of their copies are compared.
  const elsewhere = database.snapshotsFrom !== undefined;
  const { instance, cluster } = database;
  const found: Snapshot[] = [];
  if (cluster !== undefined) {
    const input = { ...type, ...(!elsewhere && { DBClusterIdentifier: cluster }) };
    for await (const page of paginateDescribeDBClusterSnapshots({ client: rds }, input)) {
      const of = page.DBClusterSnapshots?.filter((s) => s.DBClusterIdentifier === cluster) ?? [];
      found.push(...of.flatMap(ofCluster));
    }
  } else {
    const input = { ...type, ...(!elsewhere && { DBInstanceIdentifier: instance }) };
    for await (const page of paginateDescribeDBSnapshots({ client: rds }, input)) {
      const of = page.DBSnapshots?.filter((s) => s.DBInstanceIdentifier === instance) ?? [];
      found.push(...of.flatMap(ofInstance));
    }
  }
  return kind === 'shared' ? found.filter(({ arn }) => arn.split(':')[4] === database.snapshotsFrom) : found;
}

const ofInstance = (s: DBSnapshot): Snapshot[] =>
  snapshot(s.DBSnapshotArn, s.OriginalSnapshotCreateTime ?? s.SnapshotCreateTime, s.Status, s.KmsKeyId);

/** RDS gives no other time of a cluster's snapshot: this one is its data's, that of a copy too. */
const ofCluster = (s: DBClusterSnapshot): Snapshot[] =>
  snapshot(s.DBClusterSnapshotArn, s.SnapshotCreateTime, s.Status, s.KmsKeyId);

/** The identifier is the end of the ARN: that of a shared snapshot is said to be the whole of it. */
function snapshot(arn?: string, created?: Date, status?: string, keyArn?: string): Snapshot[] {
  if (!arn || !created || !status) return [];
  return [{ id: arn.split(':').slice(6).join(':'), arn, created, status, keyArn }];
}

/** The newest snapshot that is ready, if there is one. */
export function newest(snapshots: readonly Snapshot[]): Snapshot | undefined {
  return snapshots
    .filter(({ status }) => status === 'available')
    .sort((a, b) => b.created.getTime() - a.created.getTime() || b.id.localeCompare(a.id))
    .at(0);
}

/** The snapshot of that identifier. @throws Error when there is none, or it is not ready. */
export function named(id: string, snapshots: readonly Snapshot[]): Snapshot {
  const found = snapshots.find((one) => one.id === id);
  if (found?.status === 'available') return found;
  const ready = snapshots.filter(({ status }) => status === 'available').map((one) => one.id);
  throw new Error(
    `Snapshot ${JSON.stringify(id)} ${found ? `is ${found.status}` : 'is none of this database'}: ` +
      `available are ${ready.slice(-5).join(', ') || 'none'}`,
  );
}

/**
 * The export task's identifier: the same for the same snapshot and the same tables, so that asking twice starts one.
 * RDS allows 60 letters, digits and hyphens, a letter first, no hyphen last, no two in a row.
 */
export function exportId(of: Pick<Snapshot, 'id' | 'arn' | 'created'>, targets: readonly string[]): string {
  const words = of.id.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  const name = `x-${words}`.replace(/-+/g, '-').slice(0, 47).replace(/-$/, '');
  const content = [of.arn, of.created.toISOString(), ...[...targets].sort()].join('\n');
  return `${name}-${createHash('sha256').update(content).digest('hex').slice(0, 8)}`;
}
