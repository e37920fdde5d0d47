import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasSample } from '../sample';
import { environmentNames } from '../../config';
import { ROOT } from './links';
import { STATEFUL } from './stateful';
import { at, resources, synthesis, type Resource } from './synthesis';

/** What may stand in no environment, clause by clause; rules.test.ts has the rules on permissions, logs and alarms. */

const ENVIRONMENTS = environmentNames;

/** Secrets that nobody here can rotate, by logical ID, and why. */
const NOT_ROTATED: readonly { readonly which: RegExp; readonly why: string }[] = [
  { which: /^ApiSecrets/, why: 'another company gives the credentials of its API, and makes new ones' },
  { which: /^WriteKeys/, why: 'pages and programs hold the keys: who publishes them renews both, two at a time' },
];

/** Where a resource of these types names the key of what passes through it, or of what it writes. */
const KEYS: typeof STATEFUL = {
  ...STATEFUL,
  'AWS::Logs::LogGroup': ['KmsKeyId'],
  'AWS::SNS::Topic': ['KmsMasterKeyId'],
  'AWS::SQS::Queue': ['KmsMasterKeyId'],
  'AWS::Kinesis::Stream': ['StreamEncryption', 'KeyId'],
  'AWS::KinesisFirehose::DeliveryStream': ['DeliveryStreamEncryptionConfigurationInput', 'KeyARN'],
  'AWS::DMS::Endpoint': ['KmsKeyId'],
  'AWS::DMS::ReplicationConfig': ['ComputeConfig', 'KmsKeyId'],
};

/** A bucket of logs, which S3 writes under its own keys only. */
const S3_OWN_KEY = /^StorageAccessLogs/;

/** Firehose holds what it reads of a Kinesis stream as that stream is encrypted, and takes no key of its own. */
const readsStream = (properties: Resource['Properties']): boolean =>
  at(properties, 'KinesisStreamSourceConfiguration') !== undefined;

/** The waiter of CDK's asynchronous provider asks a number of times, then gives up. */
const ASKS_SO_OFTEN = /framework-isComplete-task.*MaxAttempts\\+":\d+/;

const text = (value: unknown): string => JSON.stringify(value ?? null);

describe.each(ENVIRONMENTS)('%s', (environment) => {
  const all = resources(synthesis(environment));
  const of = (type: string) => all.filter(({ resource }) => resource.Type === type);
  const broken = (type: string, is: (properties: Resource['Properties'], id: string) => boolean) =>
    of(type)
      .filter(({ id, resource }) => is(resource.Properties, id))
      .map(({ stack, id }) => `${stack}/${id}`);

  test('the key is that of the environment, and none of AWS', () => {
    const foreign = Object.entries(KEYS).flatMap(([type, path]) =>
      path === undefined
        ? []
        : broken(
            type,
            (properties, id) =>
              !S3_OWN_KEY.test(id) &&
              !readsStream(properties) &&
              !/"(Fn::GetAtt|Ref|Fn::ImportValue)":.*Key/.test(text(at(properties, ...path))),
          ),
    );
    expect(foreign).toEqual([]);
  });

  test('jobs encrypt what they write and log', () => {
    expect(broken('AWS::Glue::Job', (job) => !job?.SecurityConfiguration)).toEqual([]);
    const bare = broken('AWS::Glue::SecurityConfiguration', (properties) => {
      const encryption = at(properties, 'EncryptionConfiguration');
      return [
        at(encryption, 'CloudWatchEncryption', 'KmsKeyArn'),
        at(encryption, 'JobBookmarksEncryption', 'KmsKeyArn'),
        at(encryption, 'S3Encryptions', 0, 'KmsKeyArn'),
      ].includes(undefined);
    });
    expect(bare).toEqual([]);
  });

  test('nothing has a way to or from the internet', () => {
    for (const way of ['InternetGateway', 'NatGateway', 'EgressOnlyInternetGateway', 'EIP', 'Route', 'VPNGateway'])
      expect(of(`AWS::EC2::${way}`)).toEqual([]);
    expect(broken('AWS::EC2::Subnet', (subnet) => subnet?.MapPublicIpOnLaunch === true)).toEqual([]);
  });

  test('the warehouse is private, routed through the VPC, and takes TLS only', () => {
    const parameter = { ParameterKey: 'require_ssl', ParameterValue: 'true' };
    const open = broken(
      'AWS::RedshiftServerless::Workgroup',
      (group) =>
        group?.PubliclyAccessible !== false ||
        group.EnhancedVpcRouting !== true ||
        !text(group.ConfigParameters).includes(text(parameter)),
    );
    expect([of('AWS::RedshiftServerless::Workgroup').length, open]).toEqual([1, []]);
  });

  test('databases are read by TLS only, by a user whose password stands in a secret', () => {
    const sources = of('AWS::DMS::Endpoint').filter(({ resource }) => resource.Properties?.EndpointType === 'source');
    const open = sources.filter(
      ({ resource: { Properties } }) =>
        !['require', 'verify-ca', 'verify-full'].includes(String(Properties?.SslMode)) ||
        !text(Properties).includes('SecretsManagerSecretId') ||
        /"(Username|Password|ServerName)"/.test(text(Properties)),
    );
    expect(open.map(({ id }) => id)).toEqual([]);
  });

  test('builds run in private subnets', () => {
    expect(broken('AWS::CodeBuild::Project', (project) => !at(project, 'VpcConfig', 'Subnets', 0))).toEqual([]);
  });

  test('secrets are rotated, or there is a reason why not', () => {
    const rotated = of('AWS::SecretsManager::RotationSchedule').map(({ resource }) =>
      text(resource.Properties?.SecretId),
    );
    const left = of('AWS::SecretsManager::Secret')
      .map(({ id }) => id)
      .filter((id) => !rotated.some((secret) => secret.includes(id)))
      .filter((id) => !NOT_ROTATED.some(({ which }) => which.test(id)));
    expect(left).toEqual([]);
  });

  test('nobody has chosen the password of the administrator: Redshift makes and rotates it', () => {
    const chosen = broken(
      'AWS::RedshiftServerless::Namespace',
      (namespace) => namespace?.ManageAdminPassword !== true || namespace.AdminUserPassword !== undefined,
    );
    expect(chosen).toEqual([]);
  });

  test('no password, token or key stands in a template', () => {
    const named = /"(\w*(password|passwd|token|secret_?(key|string)|api_?key))":"(?!true|false|header|query)[^"{]+"/i;
    const plain = all.filter(({ resource }) => named.test(text(resource.Properties)));
    expect(plain.map(({ stack, id }) => `${stack}/${id}`)).toEqual([]);
  });

  test('the warehouse has a limit on an hour and on a day, set before its first statement', () => {
    expect(broken('AWS::RedshiftServerless::Workgroup', (group) => !((group?.MaxCapacity as number) > 0))).toEqual([]);
    const limits = of('Custom::WarehouseSetUp').map(
      ({ resource }) => JSON.parse(String(resource.Properties?.USAGE_LIMIT)) as { rpuHours: number },
    );
    expect(limits.map(({ rpuHours }) => rpuHours > 0)).toEqual([true]);
  });

  test('jobs have limits on time and size, pipelines and custom resources on time', () => {
    const without = [
      ...broken('AWS::Glue::Job', (job) => !((job?.NumberOfWorkers as number) > 0 && job?.WorkerType && job.Timeout)),
      ...broken(
        'AWS::StepFunctions::StateMachine',
        (machine) =>
          ![/TimeoutSeconds\\+":\d+/, ASKS_SO_OFTEN].some((limit) => limit.test(text(machine?.DefinitionString))),
      ),
      ...all
        .filter(({ resource }) => resource.Type.startsWith('Custom::') && !resource.Properties?.ServiceTimeout)
        .map(({ id }) => id),
    ];
    expect(without).toEqual([]);
  });

  test('log groups that services would make by themselves are ours, for they would keep logs for ever', () => {
    const names = of('AWS::Logs::LogGroup').map(({ resource }) => resource.Properties?.LogGroupName);
    const wanted = [
      ...of('AWS::RedshiftServerless::Namespace').flatMap(({ resource: { Properties } }) =>
        (Properties?.LogExports as string[]).map((log) => `/aws/redshift/${String(Properties?.NamespaceName)}/${log}`),
      ),
      ...of('AWS::Glue::Job').flatMap(({ resource }) =>
        ['output', 'error'].map(
          (log) => `${String(at(resource.Properties, 'DefaultArguments', '--custom-logGroup-prefix'))}/${log}`,
        ),
      ),
    ];
    // DMS names its group after the configuration's ID, which only CloudFormation knows.
    const replications = of('AWS::DMS::ReplicationConfig').map(({ id }) => id);
    const logged = names.map(text).filter((name) => name.includes('dms-serverless-replication-'));
    expect(replications.filter((id) => !logged.some((name) => name.includes(id)))).toEqual([]);
    const apis = of('AWS::ApiGateway::Stage').map(({ resource }) => text(resource.Properties?.RestApiId));
    expect(apis.filter((api) => !names.some((name) => text(name).includes(api)))).toEqual([]);
    expect([wanted.length, apis.length]).not.toContain(0);
    expect(wanted.filter((name) => !names.includes(name))).toEqual([]);
  });
});

test('each entry of the runbook that an alarm names says what it means, where to look and what to do', () => {
  // Alarms, and rules that send word of an event.
  const named = ENVIRONMENTS.flatMap((name) =>
    resources(synthesis(name)).flatMap(({ resource: { Type, Properties } }) =>
      /^AWS::(CloudWatch::Alarm|Events::Rule)$/.test(Type)
        ? [...text(Properties).matchAll(/docs\/runbook\.md#([\w-]+)/g)].map(([, entry]) => entry)
        : [],
    ),
  );
  const [, ...entries] = readFileSync(join(ROOT, 'docs/runbook.md'), 'utf8').split(/^## /m);
  const whole = entries.filter((entry) => ['Means', 'Look', 'Do'].every((part) => entry.includes(`**${part}**`)));
  expect([...new Set(named)].filter((name) => !whole.some((entry) => entry.startsWith(name)))).toEqual([]);
  // A fork may have fewer alarms than the sample.
  const idle = whole.map((entry) => entry.split('\n')[0]).filter((entry) => !named.includes(entry));
  expect(hasSample ? idle : []).toEqual([]);
});
