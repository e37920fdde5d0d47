import { createHash } from 'node:crypto';
import { CfnOutput, Duration, Fn, Stack, type CustomResource } from 'aws-cdk-lib';
import { CfnEndpoint, CfnReplicationConfig, CfnReplicationSubnetGroup } from 'aws-cdk-lib/aws-dms';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { SecurityGroup, type IVpc } from 'aws-cdk-lib/aws-ec2';
import {
  CompositePrincipal,
  Grant,
  PolicyStatement,
  Role,
  ServicePrincipal,
  type IGrantable,
} from 'aws-cdk-lib/aws-iam';
import { Stream, StreamEncryption, StreamMode } from 'aws-cdk-lib/aws-kinesis';
import { Construct } from 'constructs';
import { isKeyless } from '../lambdas/shared/contract';
import type { CaptureSettings } from '../lambdas/shared/database';
import { epochOf, isCaptured, type CapturedSource } from '../lambdas/shared/source';
import { acknowledge } from './acknowledge';
import { removalPolicy, type Basis } from './basis';
import { watchReplication, watchStream } from './capture-alarms';
import {
  computeConfig,
  replicationSettings,
  replicationType,
  sourceEndpoint,
  tableMappings,
  targetEndpoint,
} from './capture-settings';
import { Logs } from './logs';
import { ReplicationControl, type ControlledReplication } from './replication-control';

export interface ChangeCaptureProps extends Basis {
  readonly vpc: IVpc;
  readonly runs: ITable;
}

/** Within which Firehose and the transform are done with what has been read, besides the buffer's own time. */
const DRAIN_SECONDS = 120;

/** What the replications of an environment share. */
interface Shared extends ChangeCaptureProps {
  readonly control: ReplicationControl;
  readonly subnetGroupId: string;
  readonly securityGroupId: string;
}

/**
 * The capture of each database source that has `capture`: DMS Serverless reads the database's log and writes its changes
 * to a Kinesis stream. All replications live in the VPC's isolated subnets, in one security group, which the databases
 * have to let in. Needs the account's `dms-vpc-role` and `dms-cloudwatch-logs-role` (`CaptureRoles`).
 * @see https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Serverless.html
 */
export class ChangeCapture extends Construct {
  readonly control: ReplicationControl;
  readonly captures: readonly SourceCapture[];

  constructor(scope: Construct, id: string, props: ChangeCaptureProps) {
    super(scope, id);
    const { environment, platform, vpc } = props;
    const name = `moraine-${environment.name}`;
    this.control = new ReplicationControl(this, 'Control', props);
    const group = new SecurityGroup(this, 'Group', { vpc, description: `${name}: DMS, which reads the databases` });
    const subnets = new CfnReplicationSubnetGroup(this, 'Subnets', {
      replicationSubnetGroupDescription: `${name}: the isolated subnets`,
      subnetIds: vpc.isolatedSubnets.map((subnet) => subnet.subnetId),
    });
    const shared = {
      ...props,
      control: this.control,
      subnetGroupId: subnets.ref,
      securityGroupId: group.securityGroupId,
    };
    this.captures = platform.sources.filter(isCaptured).map((source) => {
      const settings = environment.databases[source.name].capture;
      if (!settings) throw new Error(`config/${environment.name}.ts: databases.${source.name}.capture is missing`);
      return new SourceCapture(this, source.name, { ...shared, source, settings });
    });
    new CfnOutput(this, 'SecurityGroup', { value: group.securityGroupId });
  }
}

interface SourceCaptureProps extends Shared {
  readonly source: CapturedSource;
  readonly settings: CaptureSettings;
}

/**
 * The capture of one source: its stream, which is kept, and the replication of its epoch. A new epoch is a new
 * replication: DMS lets nobody change the type, the endpoints or the key of one that has run, and after a restore its
 * checkpoint means nothing.
 */
export class SourceCapture extends Construct {
  readonly source: CapturedSource;
  readonly stream: Stream;
  /** After a replication stopped: whoever reads its changes, or gives them their epoch, may be replaced then. */
  private readonly drainSeconds: number;
  private readonly replicationConfig: { readonly identifier: string; readonly settings: string };

  constructor(scope: Construct, id: string, props: SourceCaptureProps) {
    super(scope, id);
    const { environment, source, settings, alarms } = props;
    this.source = source;
    this.drainSeconds = environment.firehose.bufferSeconds + DRAIN_SECONDS;
    this.stream = new Stream(this, 'Stream', {
      ...(settings.streamShards
        ? { streamMode: StreamMode.PROVISIONED, shardCount: settings.streamShards }
        : { streamMode: StreamMode.ON_DEMAND }),
      retentionPeriod: Duration.hours(settings.streamRetentionHours),
      encryption: StreamEncryption.KMS,
      encryptionKey: props.key,
      removalPolicy: removalPolicy(environment),
    });
    acknowledge(this.stream, {
      'AwsSolutions-KDS3': 'One key encrypts all of the environment, so that one policy says who may read.',
    });
    watchStream(this, { alarms, source: source.name }, this.stream);
    this.replicationConfig = this.replication(props);
  }

  /** Starts the replication, once whatever it depends on is there, and stops it before that goes. */
  run(scope: Construct, id: string, control: ReplicationControl): CustomResource {
    return control.resource(scope, id, { ...this.controlled('run'), drainSeconds: this.drainSeconds });
  }

  /** Lets `grantee` put records on the stream, as DMS does. */
  grantPut(grantee: IGrantable): Grant {
    this.stream.encryptionKey?.grant(grantee, 'kms:GenerateDataKey');
    return Grant.addToPrincipal({
      grantee,
      actions: ['kinesis:PutRecords'],
      resourceArns: [this.stream.streamArn],
    });
  }

  private controlled(step: ControlledReplication['step'], of = this.replicationConfig): ControlledReplication {
    return { step, engine: this.source.engine, ...of };
  }

  private replication(props: SourceCaptureProps) {
    const { environment, source, settings, key, control, platform } = props;
    const keyless = platform.contracts
      .filter((contract) => isKeyless(contract) && source.datasets.includes(contract.dataset))
      .map(({ dataset }) => dataset);
    const epoch = new Construct(this, `Epoch${epochOf(source)}`);
    const role = this.role(epoch, props);
    const needs = {
      source,
      settings,
      roleArn: role.roleArn,
      keyArn: key.keyArn,
      streamArn: this.stream.streamArn,
    };
    const identifier = `moraine-${environment.name}-${source.name}-${epochOf(source)}`.replaceAll('_', '-');
    const declared = {
      from: sourceEndpoint(needs),
      to: targetEndpoint(needs),
      config: {
        replicationConfigIdentifier: identifier,
        replicationType: replicationType(source),
        tableMappings: tableMappings(source, keyless),
        replicationSettings: replicationSettings(keyless.length > 0),
        computeConfig: computeConfig(settings, {
          kmsKeyId: key.keyArn,
          replicationSubnetGroupId: props.subnetGroupId,
          vpcSecurityGroupIds: [props.securityGroupId],
        }),
      },
    };
    const of = { identifier, settings: hash(Stack.of(this).resolve(declared)) };

    const before = control.resource(epoch, 'Before', this.controlled('before', of));
    const from = new CfnEndpoint(epoch, 'Source', declared.from);
    const to = new CfnEndpoint(epoch, 'Target', declared.to);
    for (const endpoint of [from, to]) endpoint.node.addDependency(before, role);
    const config = new CfnReplicationConfig(epoch, 'Replication', {
      ...declared.config,
      sourceEndpointArn: from.ref,
      targetEndpointArn: to.ref,
    });
    config.node.addDependency(before);
    const configArn = config.attrReplicationConfigArn;
    const resourceId = Fn.select(6, Fn.split(':', configArn));
    // DMS would make a group of this name: unencrypted, and for ever.
    const logs = new Logs(epoch, 'Logs', { ...props, logGroupName: `dms-serverless-replication-${resourceId}` });
    const after = control.resource(epoch, 'After', {
      ...this.controlled('after', of),
      drainSeconds: this.drainSeconds,
    });
    after.node.addDependency(config, logs, control.grantControl(epoch, 'Control', configArn));
    watchReplication(epoch, { alarms: props.alarms, source: source.name }, { configArn, resourceId });
    return of;
  }

  /**
   * By which DMS reads the secret and writes to the stream. Secrets are read by the principal of the region.
   * @see https://docs.aws.amazon.com/dms/latest/userguide/security_iam_secretsmanager.html
   */
  private role(scope: Construct, { settings, key }: SourceCaptureProps): Role {
    const role = new Role(scope, 'Role', {
      assumedBy: new CompositePrincipal(
        new ServicePrincipal('dms.amazonaws.com'),
        new ServicePrincipal(`dms.${Stack.of(this).region}.amazonaws.com`),
      ),
    });
    const allow = (actions: string[], resource: string) => {
      role.addToPolicy(new PolicyStatement({ actions, resources: [resource] }));
    };
    allow(['secretsmanager:GetSecretValue', 'secretsmanager:DescribeSecret'], settings.secretArn);
    if (settings.secretKeyArn) allow(['kms:Decrypt', 'kms:DescribeKey'], settings.secretKeyArn);
    allow(['kinesis:DescribeStream', 'kinesis:PutRecord', 'kinesis:PutRecords'], this.stream.streamArn);
    key.grant(role, 'kms:Decrypt', 'kms:GenerateDataKey');
    return role;
  }
}

function hash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32);
}
