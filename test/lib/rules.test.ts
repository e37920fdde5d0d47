import { AwsSolutionsChecks } from 'cdk-nag';
import { environmentNames } from '../../config';
import { isCaptured } from '../../lambdas/shared/source';
import { sources } from '../../sources';
import { allowed, deadLines, EVERY_ACTION, EVERY_RESOURCE, withoutReason } from './permissions';
import { headings } from './links';
import { STATEFUL } from './stateful';
import { testOfSample } from '../sample';
import { at, resources, synthesis, synthesize, type Resource, type Synthesis } from './synthesis';

const ENVIRONMENTS = environmentNames;

/** Other types that carry data for a while, and where each names its key. */
const ENCRYPTED: typeof STATEFUL = {
  'AWS::Logs::LogGroup': ['KmsKeyId'],
  'AWS::SNS::Topic': ['KmsMasterKeyId'],
  'AWS::KinesisFirehose::DeliveryStream': ['DeliveryStreamEncryptionConfigurationInput', 'KeyARN'],
  'AWS::StepFunctions::StateMachine': ['EncryptionConfiguration', 'KmsKeyId'],
  'AWS::CodeBuild::Project': ['EncryptionKey'],
  'AWS::Scheduler::Schedule': ['KmsKeyArn'],
  'AWS::DMS::Endpoint': ['KmsKeyId'],
  'AWS::DMS::ReplicationConfig': ['ComputeConfig', 'KmsKeyId'],
};

const NOT_ENCRYPTED_WITH_OUR_KEY: Record<string, string> = {
  StorageAccessLogs96FB524C: 'S3 delivers server access logs to buckets with its own encryption only',
};

/** What only an environment has that captures changes, and which limits it has. */
const OF_CAPTURE: [string, string, (string | number)[][]][] = sources.some(isCaptured)
  ? [
      ['captures have a limit', 'AWS::DMS::ReplicationConfig', [['ComputeConfig', 'MaxCapacityUnits']]],
      ['streams keep what nobody has read', 'AWS::Kinesis::Stream', [['RetentionPeriodHours']]],
    ]
  : [];

type Found = ReturnType<typeof resources>;

/** Resources of a type of which something is true, as `<stack>/<logical ID>`. */
function where(all: Found, type: string | RegExp, is: (resource: Resource) => boolean): string[] {
  const wanted = (of: string) => (typeof type === 'string' ? of === type : type.test(of));
  return all.filter(({ resource }) => wanted(resource.Type) && is(resource)).map(({ stack, id }) => `${stack}/${id}`);
}

const onEveryResource = (of: Synthesis) => allowed(of).filter((one) => one.resources.includes('*'));

describe.each(ENVIRONMENTS)('%s', (environment) => {
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
      // Of a Kinesis stream Firehose takes the encryption over, and no key of its own.
      const takesOver = at(resource.Properties, 'KinesisStreamSourceConfiguration') !== undefined;
      return key && !at(resource.Properties, ...key) && !(id in NOT_ENCRYPTED_WITH_OUR_KEY) && !takesOver;
    });
    expect(bare.map(({ stack, id }) => `${stack}/${id}`)).toEqual([]);
  });

  test('nobody may do everything, or everything in a service, without a reason in the list', () => {
    const wide = allowed(one).filter(({ action }) => /^(\*|[\w-]+:\*)$/.test(action));
    expect(withoutReason(wide, EVERY_ACTION)).toEqual([]);
  });

  test('what is granted on every resource is in the list, with its reason', () => {
    expect(withoutReason(onEveryResource(one), EVERY_RESOURCE)).toEqual([]);
  });

  test('buckets are private, and their policies let nobody in from everywhere', () => {
    const open = where(all, 'AWS::S3::Bucket', ({ Properties }) => {
      const block = (at(Properties, 'PublicAccessBlockConfiguration') ?? {}) as Record<string, unknown>;
      return Object.values(block).filter((value) => value === true).length < 4;
    });
    const everybody = allowed(one).filter(
      ({ action, principal }) => action.startsWith('s3:') && JSON.stringify(principal ?? '').includes('"*"'),
    );
    expect(open).toEqual([]);
    expect(everybody.filter(({ who }) => !/^Foundation\/Network(Vpc)?S3/.test(who))).toEqual([]);
  });

  test('buckets and topics refuse plain HTTP', () => {
    const refusing = all.filter(({ resource }) =>
      ((at(resource.Properties, 'PolicyDocument', 'Statement') ?? []) as unknown[]).some(
        (statement) =>
          at(statement, 'Effect') === 'Deny' && at(statement, 'Condition', 'Bool', 'aws:SecureTransport') === 'false',
      ),
    );
    const refused = refusing.flatMap(({ resource: { Properties } }) =>
      [at(Properties, 'Bucket'), at(Properties, 'Topics', 0)].map((ref) => at(ref, 'Ref')),
    );
    const plain = all.filter(
      ({ id, resource }) => /^AWS::(S3::Bucket|SNS::Topic)$/.test(resource.Type) && !refused.includes(id),
    );
    expect(plain.map(({ stack, id }) => `${stack}/${id}`)).toEqual([]);
  });

  test('no security group lets the internet in', () => {
    const rules = ({ Type, Properties }: Resource) =>
      Type === 'AWS::EC2::SecurityGroupIngress' ? [Properties] : at(Properties, 'SecurityGroupIngress');
    const open = where(all, /^AWS::EC2::SecurityGroup(Ingress)?$/, (resource) =>
      ((rules(resource) ?? []) as unknown[]).some((rule) =>
        ['0.0.0.0/0', '::/0'].includes(String(at(rule, 'CidrIp') ?? at(rule, 'CidrIpv6'))),
      ),
    );
    expect(open).toEqual([]);
  });

  test('keys are rotated', () => {
    expect(where(all, 'AWS::KMS::Key', ({ Properties }) => at(Properties, 'EnableKeyRotation') !== true)).toEqual([]);
  });

  test.each<[string, string, (string | number)[][]]>([
    ['logs are kept for a time', 'AWS::Logs::LogGroup', [['RetentionInDays']]],
    ['handlers have a timeout and a log group', 'AWS::Lambda::Function', [['Timeout'], ['LoggingConfig', 'LogGroup']]],
    ['jobs have limits', 'AWS::Glue::Job', [['Timeout'], ['ExecutionProperty', 'MaxConcurrentRuns']]],
    ['builds have limits', 'AWS::CodeBuild::Project', [['TimeoutInMinutes'], ['QueuedTimeoutInMinutes']]],
    [
      'pipelines are logged',
      'AWS::StepFunctions::StateMachine',
      [
        ['LoggingConfiguration', 'Level'],
        ['LoggingConfiguration', 'Destinations', 0],
      ],
    ],
    ...OF_CAPTURE,
    ['warehouses have a limit', 'AWS::RedshiftServerless::Workgroup', [['BaseCapacity'], ['MaxCapacity']]],
  ])('%s', (_, type, paths) => {
    const lacking = where(all, type, ({ Properties }) => paths.some((path) => at(Properties, ...path) === undefined));
    expect(all.some(({ resource }) => resource.Type === type)).toBe(true);
    expect(lacking).toEqual([]);
  });

  test('CloudWatch may publish to topics: a policy takes the place of the one that lets it', () => {
    const policies = all.filter(({ resource }) => resource.Type === 'AWS::SNS::TopicPolicy');
    expect(policies).not.toEqual([]);
    for (const { resource } of policies) {
      const statements = at(resource.Properties, 'PolicyDocument', 'Statement') as unknown[];
      expect(statements).toContainEqual(
        expect.objectContaining({
          Effect: 'Allow',
          Action: 'sns:Publish',
          Principal: { Service: 'cloudwatch.amazonaws.com' },
        }),
      );
    }
  });

  test('alarms have names of their own, and no stack exports one: it could not take it back', () => {
    const names = all
      .filter(({ resource }) => resource.Type === 'AWS::CloudWatch::Alarm')
      .map(({ resource }) => resource.Properties?.AlarmName);
    expect(names).not.toContain(undefined);
    expect(new Set(names).size).toBe(names.length);
    const exported = Object.values(one.templates)
      .flatMap(({ Outputs = {} }) => Object.values(Outputs))
      .filter((output) => output.Export);
    const alarms = new Set(
      all.filter(({ resource }) => resource.Type === 'AWS::CloudWatch::Alarm').map(({ id }) => id),
    );
    expect(exported.filter(({ Value }) => alarms.has(String(at(Value, 'Fn::GetAtt', 0))))).toEqual([]);
  });

  test('every alarm notifies the topic, says what went wrong, and where the runbook says what to do', () => {
    const entries = headings('docs/runbook.md');
    const silent = where(all, 'AWS::CloudWatch::Alarm', ({ Properties }) => {
      const told = /^\w.*\. See docs\/runbook\.md#([\w-]+)$/.exec(String(at(Properties, 'AlarmDescription')));
      return at(Properties, 'AlarmActions', 0) === undefined || !entries.includes(told?.[1] ?? '');
    });
    expect(silent).toEqual([]);
  });
});

testOfSample('the lists of reasons have no lines that nothing needs', () => {
  const everywhere = ENVIRONMENTS.map(synthesis);
  expect(deadLines(everywhere.flatMap(onEveryResource), EVERY_RESOURCE)).toEqual([]);
  expect(deadLines(everywhere.flatMap(allowed), EVERY_ACTION)).toEqual([]);
});

test('an environment with an account and a region synthesizes without credentials too', () => {
  const { assembly } = synthesize('prod', { account: '123456789012', region: 'eu-central-1' });
  expect(assembly.manifest.missing).toBeUndefined();
  expect(assembly.stacks.map((stack) => stack.environment.name)).toEqual(
    Array(assembly.stacks.length).fill('aws://123456789012/eu-central-1'),
  );
});
