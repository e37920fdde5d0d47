import { Match, Template } from 'aws-cdk-lib/assertions';
import { environment as environmentOf } from '../../config';
import { parseEnvironment } from '../../config/environment';
import { isCaptured } from '../../lambdas/shared/source';
import { sources } from '../../sources';
import { at, resources, synthesis, synthesize, type Synthesis } from './synthesis';

const foundation = (of: Synthesis) => Template.fromJSON(of.templates.Foundation);
const endpointTypes = (of: Synthesis) =>
  Object.values(foundation(of).findResources('AWS::EC2::VPCEndpoint')).map((endpoint) =>
    String(at(endpoint, 'Properties', 'VpcEndpointType')),
  );

describe('a new VPC', () => {
  const dev = synthesize('dev', { network: { cidr: '10.10.0.0/16' } });

  test('has three isolated subnets and no way out', () => {
    foundation(dev).resourceCountIs('AWS::EC2::Subnet', 3);
    const ways = ['NatGateway', 'InternetGateway', 'EgressOnlyInternetGateway', 'VPNGateway', 'Route'];
    for (const way of ways) foundation(dev).resourceCountIs(`AWS::EC2::${way}`, 0);
  });

  test('has an endpoint for each service that its guests call, and no other', () => {
    // Three of them, and two that only DMS calls.
    const interfaces = Array<string>(sources.some(isCaptured) ? 5 : 3).fill('Interface');
    expect(endpointTypes(dev).sort()).toEqual(['Gateway', 'Gateway', ...interfaces]);
  });

  test('leads to buckets of its own account only', () => {
    foundation(dev).hasResourceProperties('AWS::EC2::VPCEndpoint', {
      VpcEndpointType: 'Gateway',
      ServiceName: { 'Fn::Join': ['', ['com.amazonaws.', { Ref: 'AWS::Region' }, '.s3']] },
      PolicyDocument: {
        Statement: [
          Match.objectLike({
            Action: 's3:*',
            Condition: { StringEquals: { 'aws:ResourceAccount': { Ref: 'AWS::AccountId' } } },
          }),
        ],
      },
    });
  });

  test('logs all traffic', () => {
    foundation(dev).hasResourceProperties('AWS::EC2::FlowLog', { TrafficType: 'ALL' });
  });
});

describe('an existing VPC', () => {
  const zones = ['eu-central-1a', 'eu-central-1b', 'eu-central-1c'];
  const subnets = ['subnet-0000000a', 'subnet-0000000b', 'subnet-0000000c'];
  const within = (createEndpoints: string[]) => {
    const { network } = parseEnvironment('config/dev.ts', {
      ...environmentOf('dev'),
      network: {
        cidr: '10.60.0.0/16',
        existing: {
          vpcId: 'vpc-0123456789abcdef0',
          availabilityZones: zones,
          subnetIds: subnets,
          routeTableIds: subnets.map((subnet) => subnet.replace('subnet', 'rtb')),
          createEndpoints,
        },
      },
    });
    return synthesize('dev', { network });
  };
  const bare = within([]);

  test('is neither made nor looked up, and the warehouse and the builds live in its subnets', () => {
    expect(bare.assembly.manifest.missing).toBeUndefined();
    expect(resources(bare).filter(({ resource }) => /^AWS::EC2::(VPC|Subnet|FlowLog)/.test(resource.Type))).toEqual([]);
    Template.fromJSON(bare.templates.Warehouse).hasResourceProperties('AWS::RedshiftServerless::Workgroup', {
      SubnetIds: subnets,
    });
    Template.fromJSON(bare.templates.Transformation).hasResourceProperties('AWS::CodeBuild::Project', {
      VpcConfig: { VpcId: 'vpc-0123456789abcdef0', Subnets: subnets },
    });
  });

  test('keeps the logical IDs of everything stateful', () => {
    const ids = (of: Synthesis) =>
      resources(of)
        .filter(({ resource }) => resource.DeletionPolicy === 'Retain')
        .map(({ stack, id }) => `${stack}/${id}`);
    expect(ids(bare)).toEqual(ids(synthesis('dev')));
  });

  test('gets the endpoints that it lacks, and no second one', () => {
    expect(endpointTypes(bare)).toEqual([]);
    const some = within(['s3', 'glue', 'kinesis-streams']);
    expect(endpointTypes(some).sort()).toEqual(['Gateway', 'Interface', 'Interface']);
    foundation(some).hasResourceProperties('AWS::EC2::VPCEndpoint', {
      VpcEndpointType: 'Gateway',
      RouteTableIds: ['rtb-0000000a', 'rtb-0000000b', 'rtb-0000000c'],
    });
    foundation(some).hasResourceProperties('AWS::EC2::SecurityGroup', {
      SecurityGroupIngress: [Match.objectLike({ CidrIp: '10.60.0.0/16', FromPort: 443 })],
    });
  });
});
