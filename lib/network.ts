import { Annotations, Stack } from 'aws-cdk-lib';
import {
  FlowLogDestination,
  FlowLogTrafficType,
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpointAwsService,
  IpAddresses,
  Peer,
  SubnetType,
  Vpc,
  type IVpc,
} from 'aws-cdk-lib/aws-ec2';
import { AnyPrincipal, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { Environment } from '../config/environment';
import { captureEndpointNames, endpointNames, type EndpointName } from '../config/network';
import { Logs } from './logs';

export interface NetworkProps {
  readonly environment: Environment;
  readonly key: IKey;
  /** Whether changes of a database are captured, for which DMS lives here too. @default false */
  readonly captures?: boolean;
}

const GATEWAYS: Partial<Record<EndpointName, [id: string, service: GatewayVpcEndpointAwsService]>> = {
  s3: ['S3', GatewayVpcEndpointAwsService.S3],
  dynamodb: ['DynamoDB', GatewayVpcEndpointAwsService.DYNAMODB],
};
/**
 * What guests of the VPC call: CodeBuild its logs, Redshift the Glue catalogue (its traffic is routed through the VPC),
 * dbt the warehouse's temporary credentials, DMS its stream and its secret. Handlers and Glue jobs run outside the VPC.
 */
const INTERFACES: Partial<Record<EndpointName, [id: string, service: InterfaceVpcEndpointAwsService]>> = {
  logs: ['Logs', InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS],
  glue: ['Glue', InterfaceVpcEndpointAwsService.GLUE],
  'redshift-serverless': ['Warehouse', InterfaceVpcEndpointAwsService.REDSHIFT_SERVERLESS],
  'kinesis-streams': ['KinesisStreams', InterfaceVpcEndpointAwsService.KINESIS_STREAMS],
  secretsmanager: ['SecretsManager', InterfaceVpcEndpointAwsService.SECRETS_MANAGER],
};

/** The VPC of the warehouse, of the dbt builds and of DMS, new or existing, as `network` in `config/` says. */
export function networkOf(scope: Construct, id: string, props: NetworkProps): IVpc {
  return props.environment.network.existing ? new ExistingNetwork(scope, id, props).vpc : new Network(scope, id, props);
}

/**
 * A new VPC: three availability zones (Redshift Serverless under enhanced VPC routing wants three), isolated subnets
 * only, no way to or from the internet, and all endpoints that its guests need. All traffic is logged.
 * @see https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-usage-considerations.html
 * @see https://docs.aws.amazon.com/redshift/latest/dg/c-spectrum-considerations.html
 */
export class Network extends Vpc {
  constructor(scope: Construct, id: string, props: NetworkProps) {
    const { cidr } = props.environment.network;
    super(scope, id, {
      ipAddresses: IpAddresses.cidr(cidr),
      maxAzs: 3,
      natGateways: 0,
      subnetConfiguration: [{ name: 'Isolated', subnetType: SubnetType.PRIVATE_ISOLATED }],
      // Nothing uses the default group, and emptying it takes a Lambda function of CDK's own.
      restrictDefaultSecurityGroup: false,
    });
    const names = endpointNames.filter((name) => props.captures === true || !captureEndpointNames.includes(name));
    addEndpoints(this, cidr, names);
    this.addFlowLog('FlowLog', {
      destination: FlowLogDestination.toCloudWatchLogs(new Logs(this, 'FlowLogs', props)),
      trafficType: FlowLogTrafficType.ALL,
    });
  }
}

/**
 * A VPC that is there already, told by its IDs: synth looks nothing up. Of the endpoints only `createEndpoints` are
 * created; routes, flow logs and DNS support stay with the VPC's owner.
 * @see https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html
 */
export class ExistingNetwork extends Construct {
  readonly vpc: IVpc;

  constructor(scope: Construct, id: string, props: NetworkProps) {
    super(scope, id);
    const { cidr, existing } = props.environment.network;
    if (!existing) throw new Error('network.existing is missing: config/ names the VPC, its zones and its subnets');
    this.vpc = Vpc.fromVpcAttributes(this, 'Vpc', {
      vpcId: existing.vpcId,
      vpcCidrBlock: cidr,
      availabilityZones: existing.availabilityZones,
      isolatedSubnetIds: existing.subnetIds,
      isolatedSubnetRouteTableIds: existing.routeTableIds.length > 0 ? existing.routeTableIds : undefined,
    });
    for (const subnet of this.vpc.isolatedSubnets) {
      Annotations.of(subnet).acknowledgeWarning('@aws-cdk/aws-ec2:noSubnetRouteTableId', 'No endpoint is routed.');
    }
    addEndpoints(this.vpc, cidr, existing.createEndpoints);
  }
}

/** Interface endpoints answer the VPC's own addresses; gateway endpoints lead to this account's resources only. */
function addEndpoints(vpc: IVpc, cidr: string, names: readonly EndpointName[]): void {
  for (const name of names) {
    const [gateway, withInterface] = [GATEWAYS[name], INTERFACES[name]];
    if (gateway) {
      // Who gets hold of a build or of the warehouse can carry nothing off to a bucket of their own.
      vpc.addGatewayEndpoint(gateway[0], { service: gateway[1] }).addToPolicy(
        new PolicyStatement({
          principals: [new AnyPrincipal()],
          actions: [`${name}:*`],
          resources: ['*'],
          conditions: { StringEquals: { 'aws:ResourceAccount': Stack.of(vpc).account } },
        }),
      );
    }
    if (withInterface) {
      const endpoint = vpc.addInterfaceEndpoint(withInterface[0], { service: withInterface[1], open: false });
      endpoint.connections.allowDefaultPortFrom(Peer.ipv4(cidr));
    }
  }
}
