import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AwsSolutionsChecks } from 'cdk-nag';
import { at, resources, synthesis, synthesize, type Resource } from './synthesis';

const STATEFUL_STACKS = ['Foundation', 'Streams', 'Warehouse'];

/** Types that hold what cannot be made again, and where each names its key; none for those that hold no data. */
const STATEFUL: Record<string, (string | number)[] | undefined> = {
  'AWS::KMS::Key': undefined,
  'AWS::S3::Bucket': [
    'BucketEncryption',
    'ServerSideEncryptionConfiguration',
    0,
    'ServerSideEncryptionByDefault',
    'KMSMasterKeyID',
  ],
  'AWS::DynamoDB::Table': ['SSESpecification', 'KMSMasterKeyId'],
  'AWS::Glue::Database': undefined,
  'AWS::RedshiftServerless::Namespace': ['KmsKeyId'],
  'AWS::RedshiftServerless::Workgroup': undefined,
  'AWS::SecretsManager::Secret': ['KmsKeyId'],
};

/** Other types that carry data for a while, and where each names its key. */
const ENCRYPTED: typeof STATEFUL = {
  'AWS::Logs::LogGroup': ['KmsKeyId'],
  'AWS::SNS::Topic': ['KmsMasterKeyId'],
  'AWS::KinesisFirehose::DeliveryStream': ['DeliveryStreamEncryptionConfigurationInput', 'KeyARN'],
  'AWS::StepFunctions::StateMachine': ['EncryptionConfiguration', 'KmsKeyId'],
  'AWS::CodeBuild::Project': ['EncryptionKey'],
  'AWS::Scheduler::Schedule': ['KmsKeyArn'],
};

const NOT_ENCRYPTED_WITH_OUR_KEY: Record<string, string> = {
  StorageAccessLogs96FB524C: 'S3 delivers server access logs to buckets with its own encryption only',
};

/** Actions that may be granted on every resource, and why. */
const EVERY_RESOURCE: Record<string, readonly string[]> = {
  'X-Ray knows no resources': [
    'xray:PutTelemetryRecords',
    'xray:PutTraceSegments',
    'xray:GetSamplingRules',
    'xray:GetSamplingTargets',
  ],
  'the delivery of logs knows no resources': [
    'logs:CreateLogDelivery',
    'logs:DeleteLogDelivery',
    'logs:DescribeLogGroups',
    'logs:DescribeResourcePolicies',
    'logs:GetLogDelivery',
    'logs:ListLogDeliveries',
    'logs:PutResourcePolicy',
    'logs:UpdateLogDelivery',
  ],
  'an export task is no resource; the role that may be passed is one': [
    'rds:DescribeExportTasks',
    'rds:StartExportTask',
  ],
  'a metric is no resource; a condition names the namespace': ['cloudwatch:PutMetricData'],
  'a condition allows statements of the caller only': [
    'redshift-data:CancelStatement',
    'redshift-data:DescribeStatement',
    'redshift-data:GetStatementResult',
  ],
  'CodeBuild makes its interface in the VPC': [
    'ec2:CreateNetworkInterface',
    'ec2:DeleteNetworkInterface',
    'ec2:DescribeDhcpOptions',
    'ec2:DescribeNetworkInterfaces',
    'ec2:DescribeSecurityGroups',
    'ec2:DescribeSubnets',
    'ec2:DescribeVpcs',
  ],
};

interface Statement {
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource?: unknown;
}

const list = <T>(value: T | T[]): T[] => (Array.isArray(value) ? value : [value]);

/** Statements of the policies that roles have. */
function statements({ Type, Properties }: Resource): Statement[] {
  if (!['AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy', 'AWS::IAM::Role'].includes(Type)) return [];
  const inline = (at(Properties, 'Policies') ?? []) as unknown[];
  return [Properties, ...inline].flatMap((policy) => (at(policy, 'PolicyDocument', 'Statement') ?? []) as Statement[]);
}

describe.each(['local', 'dev', 'staging', 'prod'])('%s', (environment) => {
  const one = synthesis(environment);
  const all = resources(one);

  test('cdk-nag finds nothing that is not acknowledged with a reason', () => {
    const { violations } = new AwsSolutionsChecks().validateScope(one.app);
    const found = violations.flatMap((violation) =>
      violation.violatingResources.map(({ constructPath }) => `${violation.ruleName} at ${constructPath ?? '?'}`),
    );
    expect(found).toEqual([]);
  });

  test('synth asks for nothing that only credentials could tell', () => {
    expect(one.assembly.manifest.missing).toBeUndefined();
  });

  test('what carries data is encrypted with the customer-managed key', () => {
    const bare = all.filter(({ id, resource }) => {
      const key = { ...STATEFUL, ...ENCRYPTED }[resource.Type];
      return key && !at(resource.Properties, ...key) && !(id in NOT_ENCRYPTED_WITH_OUR_KEY);
    });
    expect(bare.map(({ stack, id }) => `${stack}/${id}`)).toEqual([]);
  });

  test('what cannot be made again stands in a stateful stack, or is made again', () => {
    const elsewhere = all.filter(
      ({ stack, resource }) => resource.Type in STATEFUL && !STATEFUL_STACKS.includes(stack),
    );
    expect(elsewhere.map(({ stack, id }) => `${stack}/${id}`)).toEqual([
      // Publishing fills it again.
      'Serving/ServingTable4A6853FE',
    ]);
  });

  test('no role may do everything, or everything in a service', () => {
    const wide = all.flatMap(({ stack, id, resource }) =>
      statements(resource)
        .filter(
          ({ Effect, Action }) => Effect === 'Allow' && list(Action).some((action) => /^(\*|\w+:\*)$/.test(action)),
        )
        .map(() => `${stack}/${id}`),
    );
    expect(wide).toEqual([]);
  });

  test('what is granted on every resource is in the list, with its reason', () => {
    const allowed = Object.values(EVERY_RESOURCE).flat();
    const granted = all.flatMap(({ stack, id, resource }) =>
      statements(resource)
        .filter((statement) => statement.Effect === 'Allow' && list(statement.Resource).includes('*'))
        .flatMap(({ Action }) => list(Action).map((action) => ({ at: `${stack}/${id}`, action }))),
    );
    expect(granted.filter(({ action }) => !allowed.includes(action))).toEqual([]);
  });

  test('every alarm notifies the topic and says what went wrong', () => {
    const alarms = all.filter(({ resource }) => resource.Type === 'AWS::CloudWatch::Alarm');
    const silent = alarms.filter(
      ({ resource }) =>
        at(resource.Properties, 'AlarmActions', 0) === undefined ||
        !/\w.*\.$/.test(String(at(resource.Properties, 'AlarmDescription'))),
    );
    expect(silent.map(({ stack, id }) => `${stack}/${id}`)).toEqual([]);
  });
});

describe.each(['staging', 'prod'])('%s keeps its data', (environment) => {
  const one = synthesis(environment);

  test('stateful resources stay when they leave the template or are replaced', () => {
    const lost = resources(one).filter(
      ({ stack, resource }) =>
        STATEFUL_STACKS.includes(stack) &&
        resource.Type in STATEFUL &&
        (resource.DeletionPolicy !== 'Retain' || resource.UpdateReplacePolicy !== 'Retain'),
    );
    expect(lost.map(({ stack, id }) => `${stack}/${id}`)).toEqual([]);
  });

  test('stateful stacks refuse to be deleted', () => {
    const stacks = one.assembly.stacks.map((stack) => [stack.stackName, stack.terminationProtection]);
    expect(stacks.filter(([, isProtected]) => isProtected).map(([name]) => name)).toEqual(
      STATEFUL_STACKS.map((stack) => `moraine-${environment}-${stack.toLowerCase()}`),
    );
  });
});

test('logical IDs of stateful resources are those of the baseline', () => {
  const found: Record<string, string> = {};
  for (const { stack, id, resource } of resources(synthesis('prod'))) {
    if (STATEFUL_STACKS.includes(stack) && resource.Type in STATEFUL) found[`${stack}/${id}`] = resource.Type;
  }
  const baseline = JSON.parse(readFileSync(join(__dirname, 'stateful.json'), 'utf8')) as Record<string, string>;
  const gone = Object.keys(baseline).filter((id) => found[id] !== baseline[id]);
  const added = Object.keys(found).filter((id) => !(id in baseline));
  if (gone.length > 0) {
    throw new Error(
      `A deployment would leave these behind and begin with empty ones: ${gone.join(', ')}. ` +
        'Give their constructs the ids and places back that they had. If it is meant, move the data first, correct ' +
        'test/lib/stateful.json and call the change breaking in CHANGELOG.md.',
    );
  }
  if (added.length > 0) {
    const lines = added.map((id) => `"${id}": "${found[id]}"`);
    throw new Error(`New stateful resources: add to test/lib/stateful.json: ${lines.join(', ')}`);
  }
});

test('an environment with an account and a region synthesizes without credentials too', () => {
  const { assembly } = synthesize('prod', { account: '123456789012', region: 'eu-central-1' });
  expect(assembly.manifest.missing).toBeUndefined();
  expect(assembly.stacks.map((stack) => stack.environment.name)).toEqual(
    Array(assembly.stacks.length).fill('aws://123456789012/eu-central-1'),
  );
});
