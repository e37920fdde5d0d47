import { Stack } from 'aws-cdk-lib';
import { Peer, Port, SecurityGroup, type IVpc } from 'aws-cdk-lib/aws-ec2';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { CfnServerlessCluster } from 'aws-cdk-lib/aws-msk';
import { Construct } from 'constructs';
import type { KafkaCluster } from '../lambdas/shared/kafka-cluster';
import type { KafkaSource } from '../lambdas/shared/kafka-source';
import { removalPolicy, type Basis } from './basis';
import { Handler } from './handler';
import { HandlerResource } from './handler-resource';

/** The port at which MSK's brokers take clients that log in by IAM. */
const IAM_PORT = 9098;

/** A cluster as a job reaches it. */
export interface ReachableCluster {
  readonly source: KafkaSource;
  readonly settings: KafkaCluster;
  readonly bootstrapServers: string;
  /** Of an MSK cluster whose login is IAM. */
  readonly clusterArn?: string;
  /** Where the job has a network interface. @default - it has none */
  readonly network?: KafkaCluster['network'];
}

export interface KafkaClustersProps extends Basis {
  readonly vpc: IVpc;
}

/**
 * The cluster of each Kafka source: MSK Serverless in the isolated subnets where `config/` says `serverless: {}`, kept as
 * other stateful resources are; otherwise the one that `config/` names.
 * @see https://docs.aws.amazon.com/msk/latest/developerguide/serverless.html
 */
export class KafkaClusters extends Construct {
  readonly clusters: readonly ReachableCluster[];

  constructor(scope: Construct, id: string, props: KafkaClustersProps) {
    super(scope, id);
    const { kafka } = props.environment;
    const sources = props.platform.sources.filter((source) => source.kind === 'kafka');
    const finder = sources.some(({ name }) => kafka[name].serverless)
      ? new Handler(this, 'FindBrokers', { ...props, name: 'find-brokers' })
      : undefined;
    this.clusters = sources.map((source) => {
      const settings = kafka[source.name];
      const { bootstrapServers = '', clusterArn, network } = settings;
      if (!finder || !settings.serverless) return { source, settings, bootstrapServers, clusterArn, network };
      return { source, settings, ...new ServerlessCluster(this, source.name, { ...props, source, finder }).reachable };
    });
  }
}

interface ServerlessClusterProps extends KafkaClustersProps {
  readonly source: KafkaSource;
  /** Tells the addresses of the brokers. */
  readonly finder: Handler;
}

class ServerlessCluster extends Construct {
  readonly reachable: Pick<ReachableCluster, 'bootstrapServers' | 'clusterArn' | 'network'>;

  constructor(scope: Construct, id: string, props: ServerlessClusterProps) {
    super(scope, id);
    const { environment, vpc, source, finder } = props;
    const name = `moraine-${environment.name}-${source.name}`.replaceAll('_', '-');
    const brokers = new SecurityGroup(this, 'Brokers', { vpc, description: `${name}: Kafka brokers` });
    brokers.addIngressRule(Peer.ipv4(environment.network.cidr), Port.tcp(IAM_PORT), 'Clients of the VPC, by IAM');
    // Glue's workers speak with each other: it wants a group that lets itself in.
    const job = new SecurityGroup(this, 'Job', { vpc, description: `${name}: the job that reads its topics` });
    job.addIngressRule(job, Port.allTcp(), 'The workers of one job');
    const cluster = new CfnServerlessCluster(this, 'Cluster', {
      clusterName: name,
      clientAuthentication: { sasl: { iam: { enabled: true } } },
      vpcConfigs: [
        {
          subnetIds: vpc.isolatedSubnets.map(({ subnetId }) => subnetId),
          securityGroups: [brokers.securityGroupId],
        },
      ],
    });
    cluster.applyRemovalPolicy(removalPolicy(environment));
    finder.addToRolePolicy(
      new PolicyStatement({ actions: ['kafka:GetBootstrapBrokers'], resources: [cluster.attrArn] }),
    );
    const found = new HandlerResource(this, 'Found', {
      ...props,
      handler: finder,
      resourceType: 'Custom::KafkaBrokers',
      properties: { ClusterArn: cluster.attrArn },
    });
    const [subnet] = vpc.isolatedSubnets;
    this.reachable = {
      bootstrapServers: found.resource.getAttString('BootstrapServers'),
      // The cluster's ARN, in parts, of which those of its topics are made.
      clusterArn: Stack.of(this).formatArn({
        service: 'kafka',
        resource: 'cluster',
        resourceName: found.resource.getAttString('Path'),
      }),
      network: {
        subnetId: subnet.subnetId,
        availabilityZone: subnet.availabilityZone,
        securityGroupIds: [job.securityGroupId],
      },
    };
  }
}

/**
 * The ARN of a topic, or of a consumer group, of a cluster: the cluster's own ARN with another kind and a name.
 * @see https://docs.aws.amazon.com/msk/latest/developerguide/kafka-actions.html
 */
export const withinCluster = (clusterArn: string, kind: 'topic' | 'group', name: string): string =>
  `${clusterArn.replace(':cluster/', `:${kind}/`)}/${name}`;
