import { RemovalPolicy } from 'aws-cdk-lib';
import { ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge';

/** The roles that DMS looks for by these names, and the policy that it asks for in each. */
const ROLES: readonly [id: string, name: string, policy: string][] = [
  ['Vpc', 'dms-vpc-role', 'AmazonDMSVPCManagementRole'],
  ['Logs', 'dms-cloudwatch-logs-role', 'AmazonDMSCloudWatchLogsRole'],
];

/**
 * Lets DMS make its interfaces in VPCs and write logs: an account has these roles once, for all regions and for every
 * replication in it, also those of others. CloudFormation refuses to make them where they are, so only an environment
 * with `captureRoles` does. Nothing takes them away: they stay when the stack goes.
 * @see https://docs.aws.amazon.com/dms/latest/userguide/security-iam.html#CHAP_Security.APIRole
 */
export class CaptureRoles extends Construct {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    for (const [roleId, roleName, policy] of ROLES) {
      const role = new Role(this, roleId, {
        roleName,
        assumedBy: new ServicePrincipal('dms.amazonaws.com'),
        managedPolicies: [ManagedPolicy.fromAwsManagedPolicyName(`service-role/${policy}`)],
      });
      role.applyRemovalPolicy(RemovalPolicy.RETAIN);
      acknowledge(role, {
        [`AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/${policy}]`]:
          'The policy that DMS asks for; it serves every replication of the account.',
      });
    }
  }
}
