import { DatabaseMigrationServiceClient } from '@aws-sdk/client-database-migration-service';
import { awsError, fake } from '../fakes';

/**
 * DMS with one replication, as far as it is documented: what it refuses, and the states it goes through, one each time
 * that it is asked.
 */
export class FakeDms {
  status?: string;
  hasRun = false;
  failures: string[] = [];
  /** Whether it fails when it is started next. */
  fails = false;
  /** Whether DMS tells that it has run. */
  tells = true;
  /** The identifier of the one that is there. @default - whichever is asked for */
  only?: string;
  private next: string[] = [];

  readonly client = fake(new DatabaseMigrationServiceClient({ region: 'us-east-1' }), {
    DescribeReplicationConfigs: ({ Filters }: { Filters: { Name: string; Values: string[] }[] }) => {
      if (Filters[0].Name !== 'replication-config-id') throw awsError('InvalidParameterValueException');
      const [identifier] = Filters[0].Values;
      if (this.status === undefined || (this.only ?? identifier) !== identifier)
        throw awsError('ResourceNotFoundFault');
      return { ReplicationConfigs: [{ ReplicationConfigArn: `arn:config:${identifier}` }] };
    },
    DescribeReplications: () => {
      const { status } = this;
      this.status = this.next.shift() ?? status;
      if (status === 'created') return { Replications: [] };
      const ReplicationStats = this.hasRun && this.tells ? { FreshStartDate: new Date() } : {};
      return { Replications: [{ Status: status, FailureMessages: this.failures, ReplicationStats }] };
    },
    StartReplication: ({ StartReplicationType: type }: { StartReplicationType: string }) => {
      if (!['created', 'stopped', 'failed'].includes(this.status ?? '')) throw awsError('InvalidResourceStateFault');
      if (type === 'start-replication' && this.hasRun) {
        throw awsError(
          'InvalidParameterCombinationException',
          'Start Type : START_REPLICATION, valid only for replications running for the first time',
        );
      }
      this.hasRun = true;
      this.go('initialising', 'provisioning_capacity', this.fails ? 'failed' : 'running');
      return {};
    },
    StopReplication: () => {
      if (this.status !== 'running') throw awsError('InvalidResourceStateFault');
      this.go('stopping', 'stopped');
      return {};
    },
  });

  constructor(status?: string) {
    this.status = status;
    this.hasRun = status !== 'created';
  }

  /** The orders it got, in order. */
  get orders(): string[] {
    return this.client.sent.flatMap(({ name, input }) => {
      if (name === 'StartReplication') return [String(input.StartReplicationType)];
      return name === 'StopReplication' ? ['stop'] : [];
    });
  }

  /** Goes through these states, and stays in the last one. */
  go(first: string, ...then: string[]): void {
    this.status = first;
    this.next = then;
  }
}
