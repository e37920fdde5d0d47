import { ArnFormat, Stack } from 'aws-cdk-lib';
import { CfnConnection, Connection, type IConnection } from 'aws-cdk-lib/aws-glue';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { acknowledge, acknowledgeResource } from './acknowledge';
import type { Basis } from './basis';
import { watchKafka } from './kafka-alarms';
import { withinCluster, type KafkaClusters, type ReachableCluster } from './kafka-clusters';
import { RepeatedJob } from './repeated-job';
import type { SparkJobs } from './spark-jobs';

export interface KafkaStreamsProps extends Basis {
  readonly clusters: KafkaClusters;
  readonly jobs: SparkJobs;
}

/** Name of the job of a Kafka source. */
export const kafkaJobName = (environment: string, source: string): string =>
  `moraine-${environment}-stream_kafka-${source}`;

/**
 * The way of messages from Kafka into the lake: for each source a resident Glue job, `glue-jobs/stream_kafka.py`, that is
 * kept running, with a network interface beside the brokers, and its alarms; and one that brings dead letters back
 * (`npm run ops -- replay`).
 * @see https://docs.aws.amazon.com/glue/latest/dg/streaming-chapter.html
 */
export class KafkaStreams extends Construct {
  constructor(scope: Construct, id: string, props: KafkaStreamsProps) {
    super(scope, id);
    for (const cluster of props.clusters.clusters) new KafkaStream(this, cluster.source.name, { ...props, cluster });
  }
}

class KafkaStream extends Construct {
  constructor(scope: Construct, id: string, props: KafkaStreamsProps & { readonly cluster: ReachableCluster }) {
    super(scope, id);
    const { environment, jobs, cluster, alarms } = props;
    const { source, settings } = cluster;
    const runId = `kafka-${source.name}`;
    const topics = { '--topics': JSON.stringify(source.topics), '--epoch': String(source.epoch ?? 1) };
    const connection = cluster.network && this.connection(environment.name, source.name, cluster.network);
    const { job, role } = jobs.stream(this, source.name, {
      name: kafkaJobName(environment.name, source.name),
      script: 'stream_kafka',
      workerType: settings.workerType,
      workers: settings.workers,
      connections: connection && [connection],
      arguments: {
        '--run-id': runId,
        '--bootstrap-servers': cluster.bootstrapServers,
        '--authentication': settings.authentication,
        ...(settings.secretArn ? { '--secret': settings.secretArn } : {}),
        ...topics,
        '--group': consumerGroup(environment.name, source.name),
        '--every': String(settings.everySeconds),
      },
    });
    grantRead(role, cluster, environment.name);
    if (connection) grantNetwork(role, connection);
    jobs.replayKafka(source.name, topics);
    new RepeatedJob(this, 'Resident', { ...props, job, what: `job that reads ${source.name}`, runbook: 'kafka-job' });
    watchKafka(this, {
      alarms,
      source: source.name,
      runId,
      logGroup: jobs.output,
      maxBehind: settings.maxBehind,
      isKept: environment.schedule !== 'none',
    });
  }

  /** @see https://docs.aws.amazon.com/glue/latest/dg/connection-VPC-disable-proxy.html */
  private connection(
    environment: string,
    source: string,
    network: NonNullable<ReachableCluster['network']>,
  ): IConnection {
    const made = new CfnConnection(this, 'Connection', {
      catalogId: Stack.of(this).account,
      connectionInput: {
        name: `moraine-${environment}-${source}`,
        connectionType: 'NETWORK',
        physicalConnectionRequirements: {
          subnetId: network.subnetId,
          availabilityZone: network.availabilityZone,
          securityGroupIdList: network.securityGroupIds,
        },
      },
    });
    return Connection.fromConnectionName(this, 'Network', made.ref);
  }
}

/** The group by which Spark's consumers go; they keep no place there. */
export const consumerGroup = (environment: string, source: string): string => `moraine-${environment}-${source}`;

/**
 * Lets a job log in and read its topics, and nothing else.
 * @see https://docs.aws.amazon.com/msk/latest/developerguide/kafka-actions.html
 */
function grantRead(role: Role, { source, settings, clusterArn }: ReachableCluster, environment: string): void {
  const allow = (actions: string[], ...resources: string[]) => {
    role.addToPolicy(new PolicyStatement({ actions, resources }));
  };
  if (settings.authentication === 'iam' && clusterArn) {
    const groups = withinCluster(clusterArn, 'group', `${consumerGroup(environment, source.name)}-*`);
    allow(['kafka-cluster:Connect'], clusterArn);
    const topics = source.topics.map(({ topic }) => withinCluster(clusterArn, 'topic', topic));
    allow(['kafka-cluster:DescribeTopic', 'kafka-cluster:ReadData'], ...topics);
    allow(['kafka-cluster:DescribeGroup', 'kafka-cluster:AlterGroup'], groups);
    acknowledgeResource(role, groups, 'Spark gives each of its consumers a group of its own, of one prefix.');
  }
  if (settings.secretArn) allow(['secretsmanager:GetSecretValue'], settings.secretArn);
  if (settings.secretKeyArn) allow(['kms:Decrypt'], settings.secretKeyArn);
}

/**
 * Lets Glue make the job's network interfaces.
 * @see https://docs.aws.amazon.com/glue/latest/dg/create-service-policy.html
 */
function grantNetwork(role: Role, connection: IConnection): void {
  const stack = Stack.of(role);
  const arn = (service: string, resource: string, resourceName?: string) =>
    stack.formatArn({
      service,
      resource,
      resourceName,
      arnFormat: resourceName === undefined ? ArnFormat.COLON_RESOURCE_NAME : ArnFormat.SLASH_RESOURCE_NAME,
    });
  const interfaces = arn('ec2', 'network-interface', '*');
  role.addToPolicy(
    new PolicyStatement({
      actions: ['glue:GetConnection'],
      resources: [arn('glue', 'catalog'), arn('glue', 'connection', connection.connectionName)],
    }),
  );
  role.addToPolicy(
    new PolicyStatement({
      actions: [
        'ec2:CreateNetworkInterface',
        'ec2:DeleteNetworkInterface',
        'ec2:DescribeNetworkInterfaces',
        'ec2:DescribeRouteTables',
        'ec2:DescribeSecurityGroups',
        'ec2:DescribeSubnets',
        'ec2:DescribeVpcAttribute',
        'ec2:DescribeVpcEndpoints',
      ],
      resources: ['*'],
    }),
  );
  role.addToPolicy(
    new PolicyStatement({
      actions: ['ec2:CreateTags', 'ec2:DeleteTags'],
      resources: [interfaces],
      conditions: { 'ForAllValues:StringEquals': { 'aws:TagKeys': ['aws-glue-service-resource'] } },
    }),
  );
  acknowledgeResource(role, interfaces, 'Glue makes the network interfaces of its jobs; a condition names its tag.');
  acknowledge(role, {
    'AwsSolutions-IAM5[Resource::*]': 'PutMetricData and network interfaces that are not made yet know no resources.',
  });
}
