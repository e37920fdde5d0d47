import {
  FlowLogDestination,
  FlowLogTrafficType,
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpointAwsService,
  IpAddresses,
  Peer,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import type { Environment } from '../config/environment';
import { Logs } from './logs';

export interface NetworkProps {
  readonly environment: Environment;
  readonly key: IKey;
}

/**
 * The VPC of the warehouse and of the dbt builds: three availability zones (Redshift Serverless wants three), isolated
 * subnets only, no way to or from the internet. Creates gateway endpoints for S3 and DynamoDB, and the three interface
 * endpoints that its guests need: CloudWatch Logs (CodeBuild), Glue (Redshift reads the catalogue under enhanced VPC
 * routing) and Redshift Serverless (dbt's temporary credentials). All traffic is logged.
 * @see https://docs.aws.amazon.com/redshift/latest/dg/c-spectrum-considerations.html
 */
export class Network extends Vpc {
  constructor(scope: Construct, id: string, props: NetworkProps) {
    super(scope, id, {
      ipAddresses: IpAddresses.cidr(props.environment.vpcCidr),
      maxAzs: 3,
      natGateways: 0,
      subnetConfiguration: [{ name: 'Isolated', subnetType: SubnetType.PRIVATE_ISOLATED }],
      gatewayEndpoints: {
        S3: { service: GatewayVpcEndpointAwsService.S3 },
        DynamoDB: { service: GatewayVpcEndpointAwsService.DYNAMODB },
      },
      // Nothing uses the default group, and emptying it takes a Lambda function of CDK's own.
      restrictDefaultSecurityGroup: false,
    });
    const guests = Peer.ipv4(props.environment.vpcCidr);
    for (const [name, service] of Object.entries({
      Logs: InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
      Glue: InterfaceVpcEndpointAwsService.GLUE,
      Warehouse: InterfaceVpcEndpointAwsService.REDSHIFT_SERVERLESS,
    })) {
      this.addInterfaceEndpoint(name, { service, open: false }).connections.allowDefaultPortFrom(guests);
    }
    this.addFlowLog('FlowLog', {
      destination: FlowLogDestination.toCloudWatchLogs(new Logs(this, 'FlowLogs', props)),
      trafficType: FlowLogTrafficType.ALL,
    });
  }
}
