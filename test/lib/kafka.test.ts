import { Match, Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks } from 'cdk-nag';
import { environment as environmentOf } from '../../config';
import { parseEnvironment } from '../../config/environment';
import type { KafkaSource } from '../../lambdas/shared/kafka-source';
import type { Source } from '../../lambdas/shared/source';
import { kafkaReplayJobName } from '../../lambdas/shared/replay';
import { readDeclarations } from '../../lib/declarations';
import { sources as declared } from '../../sources';
import { allowed, EVERY_RESOURCE, withoutReason } from './permissions';
import { readable } from './readable';
import { synthesize, type Synthesis } from './synthesis';

const CLUSTER = 'arn:aws:kafka:eu-central-1:111122223333:cluster/shop/0a1b2c3d-aaaa-bbbb-cccc-0123456789ab-2';
const SECRET = 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:AmazonMSK_shop-AbCdEf';
const NETWORK = {
  subnetId: 'subnet-0123456789abcdef0',
  availabilityZone: 'eu-central-1a',
  securityGroupIds: ['sg-0123456789abcdef0'],
};
const SERVERS = 'b-1.shop.kafka.eu-central-1.amazonaws.com:9098,b-2.shop.kafka.eu-central-1.amazonaws.com:9098';
const [dataset] = declared.flatMap((source) => (source.kind === 'collector' ? [source.dataset] : []));
const shop: KafkaSource = { kind: 'kafka', name: 'shop', topics: [{ topic: 'shop.clicks', dataset, format: 'json' }] };
// Whatever the sample has on Kafka comes by collectors here.
const others = declared
  .filter(({ kind }) => kind !== 'collector')
  .flatMap((source): Source[] =>
    source.kind === 'kafka'
      ? source.topics.map((one) => ({ kind: 'collector', name: one.dataset, dataset: one.dataset }))
      : [source],
  );

/** The sample's events by Kafka, from a cluster. */
const environment = (cluster: unknown, name = 'dev') => {
  const { kafka } = parseEnvironment(`config/${name}.ts`, { ...environmentOf(name), kafka: { shop: cluster } });
  return { kafka };
};
const reading = (cluster: unknown, source: KafkaSource = shop): Synthesis =>
  synthesize('dev', environment(cluster), [...others, source]);

const CASES: Record<string, Synthesis> = {
  'MSK Serverless': reading({ serverless: {} }),
  'a cluster that there is, by IAM': reading({ bootstrapServers: SERVERS, clusterArn: CLUSTER, network: NETWORK }),
  'a cluster that there is, by SCRAM': reading({
    bootstrapServers: SERVERS,
    authentication: 'scram',
    secretArn: SECRET,
    secretKeyArn: 'arn:aws:kms:eu-central-1:111122223333:key/ab-12',
    network: NETWORK,
  }),
};
const streams = (of: Synthesis) => Template.fromJSON(of.templates.Streams);
const transformation = (of: Synthesis) => Template.fromJSON(of.templates.Transformation);

describe.each(Object.entries(CASES))('%s', (_, one) => {
  test('synthesizes the cluster, the job and what is around them', () => {
    const kafka = (stack: string) =>
      Object.entries(one.templates[stack].Resources).filter(([id]) => /Kafka|Streamshop/.test(id));
    const found = Object.fromEntries([...kafka('Streams'), ...kafka('Transformation')]);
    expect(readable({ Resources: found }, 'dev')).toMatchSnapshot();
  });

  test('passes the gates', () => {
    const { violations } = new AwsSolutionsChecks().validateScope(one.app);
    const found = violations.flatMap(({ ruleName, violatingResources }) =>
      violatingResources.map(({ constructPath }) => `${ruleName} at ${constructPath ?? '?'}`),
    );
    const everywhere = allowed(one).filter((statement) => statement.resources.includes('*'));
    expect([found, withoutReason(everywhere, EVERY_RESOURCE)]).toEqual([[], []]);
  });

  test('has a job that runs once at a time, is kept running, and reads the declared topics', () => {
    transformation(one).hasResourceProperties('AWS::Glue::Job', {
      Command: Match.objectLike({ Name: 'gluestreaming' }),
      Name: 'moraine-dev-stream_kafka-shop',
      ExecutionProperty: { MaxConcurrentRuns: 1 },
      DefaultArguments: Match.objectLike({ '--topics': JSON.stringify(shop.topics), '--epoch': '1' }),
    });
    transformation(one).hasResourceProperties('AWS::Scheduler::Schedule', {
      Description: 'Moraine dev: job that reads shop',
      ScheduleExpression: 'rate(1 minute)',
    });
  });

  test('has a job that brings dead letters back, once at a time, without a way to Kafka', () => {
    const [{ Properties: job }] = Object.values(
      transformation(one).findResources('AWS::Glue::Job', { Properties: { Name: kafkaReplayJobName('dev', 'shop') } }),
    ) as { Properties: Record<string, unknown> }[];
    expect(job).toMatchObject({
      Command: { Name: 'glueetl' },
      ExecutionProperty: { MaxConcurrentRuns: 1 },
      DefaultArguments: { '--topics': JSON.stringify(shop.topics), '--epoch': '1' },
    });
    expect(job.Connections).toBeUndefined();
    const may = allowed(one).filter(({ who }) => who.includes('ReplayKafkashop'));
    const services = new Set(may.map(({ action }) => action.split(':')[0]));
    expect([...services].sort()).toEqual(['cloudwatch', 'dynamodb', 'glue', 'kms', 'logs', 's3']);
    const where = (action: string) =>
      may.filter((each) => each.action === action).map(({ resources }) => JSON.stringify(resources));
    expect(where('glue:UpdateTable').join()).toMatch(/dev_bronze/);
    expect(where('glue:UpdateTable').join()).not.toMatch(/dev_(silver|quarantine)/);
    expect(where('s3:PutObject').join()).not.toMatch(/dev_(silver|quarantine)/);
    expect(where('glue:GetTable').join()).toMatch(/dev_quarantine/);
  });

  test('tells of dead letters, unknown columns, and a job that is behind or silent', () => {
    const alarms = Object.values(transformation(one).findResources('AWS::CloudWatch::Alarm')).map(
      ({ Properties }) => Properties as { AlarmDescription: string; TreatMissingData: string },
    );
    const told = alarms.filter(({ AlarmDescription }) => AlarmDescription.includes('shop'));
    expect(told.map(({ AlarmDescription }) => /#(.*)/.exec(AlarmDescription)?.[1]).sort()).toEqual([
      'kafka-behind',
      'rows-in-quarantine',
      'unknown-columns',
    ]);
    expect(told.find(({ TreatMissingData }) => TreatMissingData === 'breaching')?.AlarmDescription).toMatch(/behind/);
  });
});

/** What the job may do beyond what every job may. */
const rights = (of: Synthesis, service: string) =>
  allowed(of)
    .filter(({ who, action }) => who.includes('Streamshop') && action.startsWith(service))
    .map(({ action, resources: [resource] }) => [action, JSON.stringify(resource)]);

test('a login by IAM reads the declared topics only, and its consumers go by one prefix', () => {
  const found = rights(CASES['a cluster that there is, by IAM'], 'kafka-cluster:');
  const name = 'shop/0a1b2c3d-aaaa-bbbb-cccc-0123456789ab-2';
  const arn = (kind: string) => JSON.stringify(`arn:aws:kafka:eu-central-1:111122223333:${kind}/${name}`);
  expect(found).toEqual([
    ['kafka-cluster:Connect', JSON.stringify(CLUSTER)],
    ['kafka-cluster:DescribeTopic', arn('topic').replace(/"$/, '/shop.clicks"')],
    ['kafka-cluster:ReadData', arn('topic').replace(/"$/, '/shop.clicks"')],
    ['kafka-cluster:AlterGroup', arn('group').replace(/"$/, '/moraine-dev-shop-*"')],
    ['kafka-cluster:DescribeGroup', arn('group').replace(/"$/, '/moraine-dev-shop-*"')],
  ]);
});

test('a login by SCRAM reads its secret, and has no rights by IAM', () => {
  const one = CASES['a cluster that there is, by SCRAM'];
  expect(rights(one, 'kafka-cluster:')).toEqual([]);
  expect(rights(one, 'secretsmanager:')).toEqual([['secretsmanager:GetSecretValue', JSON.stringify(SECRET)]]);
});

test('MSK Serverless lives in the isolated subnets, and is kept where stateful resources are', () => {
  streams(CASES['MSK Serverless']).hasResource('AWS::MSK::ServerlessCluster', { DeletionPolicy: 'Delete' });
  const kept = synthesize('staging', environment({ serverless: {} }, 'staging'), [...others, shop]);
  streams(kept).hasResource('AWS::MSK::ServerlessCluster', { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
  streams(kept).hasResourceProperties('AWS::MSK::ServerlessCluster', {
    ClusterName: 'moraine-staging-shop',
    ClientAuthentication: { Sasl: { Iam: { Enabled: true } } },
    VpcConfigs: [{ SubnetIds: [Match.anyValue(), Match.anyValue(), Match.anyValue()] }],
  });
});

describe('refuses in one line', () => {
  test.each([
    [{}, /kafka\.shop\.bootstrapServers is undefined: either serverless: \{\}, or the bootstrapServers/],
    [{ serverless: {}, bootstrapServers: SERVERS, clusterArn: CLUSTER }, /either serverless/],
    [{ serverless: {}, authentication: 'scram', secretArn: SECRET }, /"iam", the only login of MSK Serverless/],
    [{ bootstrapServers: SERVERS }, /kafka\.shop\.clusterArn is undefined: the ARN of the MSK cluster/],
    [{ bootstrapServers: SERVERS, authentication: 'scram' }, /a secret with authentication "scram"/],
    [{ bootstrapServers: SERVERS, authentication: 'none' }, /"none" is for 127\.0\.0\.1 only/],
    [{ bootstrapServers: 'kafka' }, /bootstrapServers is "kafka": host:port, comma-separated/],
  ])('the cluster %j', (cluster, message) => {
    expect(() => environment(cluster)).toThrow(message);
  });

  test.each([
    [{ topics: [] }, /topics is empty: name a topic and its dataset/],
    [{ epoch: 0 }, /epoch is 0: allowed are whole numbers from 1 to 9999/],
    [{ name: 'a-shop' }, /name is "a-shop": allowed are up to 40/],
    [{ topics: [{ topic: 'a b', dataset, format: 'json' }] }, /topic is "a b": allowed are/],
    [
      { topics: [{ topic: 'a', dataset, format: 'csv' }] },
      /format of a is "csv": allowed are "json", "avro", "debezium"/,
    ],
  ])('the source %j', (change, message) => {
    const one = { ...shop, ...change } as Source;
    const { kafka } = environment({ serverless: {} });
    const read = () => readDeclarations({ environment: { ...environmentOf('dev'), kafka }, sources: [...others, one] });
    expect(read).toThrow(message);
  });

  test('a source without a cluster, and a cluster without a source', () => {
    const read = (sources: readonly Source[], kafka: object) =>
      readDeclarations({ environment: { ...environmentOf('dev'), ...kafka }, sources });
    expect(() => read([...others, shop], { kafka: {} })).toThrow(
      'kafka has no shop: name the cluster behind sources/shop',
    );
    expect(() =>
      read([...others, { kind: 'collector', name: 'events', dataset }], environment({ serverless: {} })),
    ).toThrow('kafka.shop belongs to no source');
  });
});
