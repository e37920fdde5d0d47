import { at, resources, type Resource, type Synthesis } from './synthesis';

/** Something that is allowed though it is wide, to whom, and why. `who` is `<stack>/<logical ID>` of the policy. */
export interface Exception {
  readonly why: string;
  readonly who: RegExp;
  readonly actions: readonly string[];
}

/** Actions granted on every resource. A new line here is read in review: can the statement not name its resource? */
export const EVERY_RESOURCE: readonly Exception[] = [
  {
    why: 'X-Ray knows no resources',
    who: /./,
    actions: ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'],
  },
  {
    why: 'X-Ray knows no resources',
    who: /StateMachineRole/,
    actions: ['xray:GetSamplingRules', 'xray:GetSamplingTargets'],
  },
  {
    why: 'the delivery of logs knows no resources',
    who: /StateMachineRole|Providerwaiterstatemachine/,
    actions: [
      'logs:CreateLogDelivery',
      'logs:DeleteLogDelivery',
      'logs:DescribeLogGroups',
      'logs:DescribeResourcePolicies',
      'logs:GetLogDelivery',
      'logs:ListLogDeliveries',
      'logs:PutResourcePolicy',
      'logs:UpdateLogDelivery',
    ],
  },
  {
    why: "CDK's own, for the loop that waits for a replication",
    who: /^Streams\/ChangeCaptureControlProviderwaiterstatemachine/,
    actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
  },
  {
    why: 'an export task is no resource',
    who: /^Ingestion\/SnapshotExport/,
    actions: ['rds:DescribeExportTasks'],
  },
  {
    why: 'DMS describes all replications or none',
    who: /^Streams\/ChangeCaptureControl/,
    actions: ['dms:DescribeReplicationConfigs', 'dms:DescribeReplications'],
  },
  {
    why: 'a metric is no resource; a condition names the namespace',
    who: /^Transformation\/SparkJobs/,
    actions: ['cloudwatch:PutMetricData'],
  },
  {
    why: 'a condition allows statements of the caller only',
    who: /^(Serving\/ServingPublish|Transformation\/MartsSetUp)/,
    actions: ['redshift-data:CancelStatement', 'redshift-data:DescribeStatement', 'redshift-data:GetStatementResult'],
  },
  {
    why: 'the lists that the console shows know no resources',
    who: /^Serving\/LakeQueriesReader/,
    actions: ['athena:ListDataCatalogs', 'athena:ListEngineVersions', 'athena:ListWorkGroups'],
  },
  {
    why: 'a usage limit is no resource of Redshift Serverless',
    who: /^Transformation\/MartsSetUp/,
    actions: [
      'redshift-serverless:CreateUsageLimit',
      'redshift-serverless:ListUsageLimits',
      'redshift-serverless:UpdateUsageLimit',
    ],
  },
  {
    why: 'CodeBuild makes its interface in the VPC',
    who: /^Transformation\/MartsBuild/,
    actions: [
      'ec2:CreateNetworkInterface',
      'ec2:DeleteNetworkInterface',
      'ec2:DescribeDhcpOptions',
      'ec2:DescribeNetworkInterfaces',
      'ec2:DescribeSecurityGroups',
      'ec2:DescribeSubnets',
      'ec2:DescribeVpcs',
    ],
  },
  {
    why: "Glue makes its interface in the VPC, beside Kafka's brokers",
    who: /^Transformation\/SparkJobsStream/,
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
  },
  {
    why: "in a key's own policy the asterisk is the key",
    who: /^Foundation\/Key/,
    actions: [
      'kms:*',
      'kms:CreateGrant',
      'kms:Decrypt',
      'kms:Decrypt*',
      'kms:DescribeKey',
      'kms:Encrypt',
      'kms:GenerateDataKey*',
      'kms:ReEncrypt*',
    ],
  },
  {
    why: "an endpoint's policy grants nothing, it narrows what others grant; a condition names the account",
    who: /^Foundation\/Network(Vpc)?(S3|DynamoDB)/,
    actions: ['dynamodb:*', 's3:*'],
  },
];

/** All actions of a service. */
export const EVERY_ACTION: readonly Exception[] = [
  {
    why: "CDK's own: without it nobody could ever administer the key",
    who: /^Foundation\/Key/,
    actions: ['kms:*'],
  },
  {
    why: "an endpoint's policy grants nothing, it narrows what others grant",
    who: /^Foundation\/Network(Vpc)?(S3|DynamoDB)/,
    actions: ['dynamodb:*', 's3:*'],
  },
];

/** One action that a statement allows. */
export interface Allowed {
  readonly who: string;
  readonly action: string;
  readonly resources: readonly unknown[];
  readonly principal: unknown;
}

const list = <T>(value: T | T[] | undefined): T[] =>
  Array.isArray(value) ? value : value === undefined ? [] : [value];

/** What all policies of an environment allow: of roles, and of keys, buckets, topics and endpoints. */
export function allowed(of: Synthesis): Allowed[] {
  return resources(of).flatMap(({ stack, id, resource }) =>
    statements(resource).flatMap((statement) =>
      list(at(statement, 'Action')).map((action) => ({
        who: `${stack}/${id}`,
        action: String(action),
        resources: list(at(statement, 'Resource')),
        principal: at(statement, 'Principal'),
      })),
    ),
  );
}

/** Statements that allow something, wherever in a resource's properties a policy stands; who may assume a role is none. */
function statements({ Properties }: Resource): unknown[] {
  const found: unknown[] = [];
  const visit = (value: unknown) => {
    if (typeof value !== 'object' || value === null) return;
    if ('Statement' in value) found.push(...list(value.Statement));
    for (const [name, inner] of Object.entries(value)) if (name !== 'AssumeRolePolicyDocument') visit(inner);
  };
  visit(Properties);
  return found.filter((statement) => at(statement, 'Effect') === 'Allow');
}

/** Those that no line of the list lets pass. */
export function withoutReason(found: readonly Allowed[], reasons: readonly Exception[]): string[] {
  const passes = ({ who, action }: Allowed) =>
    reasons.some((reason) => reason.who.test(who) && reason.actions.includes(action));
  return found.filter((one) => !passes(one)).map(({ who, action }) => `${who}: ${action}`);
}

/** Lines of the list that nothing needs any longer. */
export function deadLines(found: readonly Allowed[], reasons: readonly Exception[]): string[] {
  const needed = (reason: Exception, action: string) =>
    found.some((one) => one.action === action && reason.who.test(one.who));
  return reasons.flatMap((reason) =>
    reason.actions.filter((action) => !needed(reason, action)).map((action) => `${reason.why}: ${action}`),
  );
}
