import {
  DescribeReplicationConfigsCommand,
  DescribeReplicationsCommand,
  StartReplicationCommand,
  StopReplicationCommand,
  type DatabaseMigrationServiceClient,
} from '@aws-sdk/client-database-migration-service';
import type { Replication } from './plan';

/** A replication as DMS describes it. */
export interface Described extends Replication {
  readonly arn: string;
  /** Whether it has run before: then it goes on from its checkpoint. */
  readonly hasRun: boolean;
  /** Why it failed or stopped, in DMS's words. */
  readonly told: readonly string[];
  /** When it was last stopped. */
  readonly stoppedAt?: Date;
}

/** DMS's error when something is not there (any more). */
const isGone = (error: unknown): boolean => (error as Error | undefined)?.name === 'ResourceNotFoundFault';

/** The replication of a configuration's identifier; undefined when there is no such configuration. */
export async function describe(
  dms: DatabaseMigrationServiceClient,
  identifier: string,
): Promise<Described | undefined> {
  try {
    const named = [{ Name: 'replication-config-id', Values: [identifier] }];
    const { ReplicationConfigs: configs } = await dms.send(new DescribeReplicationConfigsCommand({ Filters: named }));
    const arn = configs?.[0]?.ReplicationConfigArn;
    if (!arn) return undefined;
    const filter = [{ Name: 'replication-config-arn', Values: [arn] }];
    const { Replications: found } = await dms.send(new DescribeReplicationsCommand({ Filters: filter }));
    const one = found?.[0];
    return {
      arn,
      // A configuration that was never started may have no replication yet.
      status: one?.Status?.toLowerCase() ?? 'created',
      provision: one?.ProvisionData?.ProvisionState?.toLowerCase(),
      hasRun: Boolean(one?.RecoveryCheckpoint ?? one?.ReplicationStats?.FreshStartDate),
      told: [...(one?.FailureMessages ?? []), one?.StopReason ?? ''].filter(Boolean),
      stoppedAt: one?.ReplicationLastStopTime,
    };
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/**
 * Starts a replication that has never run, or lets it go on from its checkpoint: never reloads what it has loaded.
 * DMS refuses `start-replication` for one that has run and does not always show that it has.
 */
export async function start(dms: DatabaseMigrationServiceClient, { arn, hasRun }: Described): Promise<void> {
  const as = (StartReplicationType: string) =>
    dms.send(new StartReplicationCommand({ ReplicationConfigArn: arn, StartReplicationType }));
  if (hasRun) {
    await as('resume-processing');
    return;
  }
  try {
    await as('start-replication');
  } catch (error) {
    if (!/valid only for .* first time/i.test(String(error))) throw error;
    await as('resume-processing');
  }
}

/** Orders a replication to stop. What is too early or too late for it is no error: the state tells. */
export async function stop(dms: DatabaseMigrationServiceClient, { arn }: Described): Promise<void> {
  try {
    await dms.send(new StopReplicationCommand({ ReplicationConfigArn: arn }));
  } catch (error) {
    if (!isGone(error) && (error as Error).name !== 'InvalidResourceStateFault') throw error;
  }
}
