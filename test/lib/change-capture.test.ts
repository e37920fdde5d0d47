import { App, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Key } from 'aws-cdk-lib/aws-kms';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { AwsSolutionsChecks } from 'cdk-nag';
import { AlarmTopic } from '../../lib/alarms';
import { replicationSettings, tableMappings } from '../../lib/capture-settings';
import { watchLosses } from '../../lib/loss-alarms';
import { environment as environmentOf } from '../../config';
import { parseEnvironment } from '../../config/environment';
import type { ChangeCapture, DatabaseSource, Source } from '../../lambdas/shared/source';
import { sources as declared } from '../../sources';
import { allowed, EVERY_RESOURCE, withoutReason } from './permissions';
import { readable } from './readable';
import { at, resources, synthesize, type Synthesis } from './synthesis';

const SECRET = 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop-capture-AbCdEf';
const CERTIFICATE = 'arn:aws:dms:eu-central-1:111122223333:cert:RDS';
const datasets = declared.find((source) => source.kind === 'database')?.datasets ?? [];

const others = declared.filter((source) => source.kind !== 'database');

const shopOf = (engine: DatabaseSource['engine']): DatabaseSource => ({
  kind: 'database',
  name: 'shop',
  engine,
  database: 'shop_db',
  schema: engine === 'mysql' ? 'shop_db' : 'sales',
  datasets,
});

/** The sample's platform, its database by another engine, or captured otherwise. */
function capturing(
  engine: DatabaseSource['engine'],
  settings: Record<string, unknown> = {},
  capture: ChangeCapture = {},
): Synthesis {
  const sources: Source[] = [{ ...shopOf(engine), capture }, ...others];
  const certificate = engine === 'mysql' ? { certificateArn: CERTIFICATE } : {};
  const { databases } = parseEnvironment('config/dev.ts', {
    ...environmentOf('dev'),
    databases: { shop: { instance: 'acme-shop', capture: { secretArn: SECRET, ...certificate, ...settings } } },
  });
  return synthesize('dev', { databases }, sources);
}
const streams = (of: Synthesis) => Template.fromJSON(of.templates.Streams);
const ingestion = (of: Synthesis) => Template.fromJSON(of.templates.Ingestion);

const CASES: Record<string, Synthesis> = {
  postgres: capturing('postgres'),
  mysql: capturing('mysql'),
  sqlserver: capturing('sqlserver', { certificateArn: CERTIFICATE }),
  'a read replica': capturing('postgres', { readReplica: true, multiAz: false, maxCapacityUnits: 1 }),
  'a stream of two shards, and a new epoch': capturing(
    'postgres',
    { streamShards: 2, streamRetentionHours: 24, secretKeyArn: 'arn:aws:kms:eu-central-1:111122223333:key/ab-12' },
    { epoch: 2 },
  ),
};

describe.each(Object.entries(CASES))('%s', (_, one) => {
  test('synthesizes the replication and what is around it', () => {
    const shown = ({ Type }: { Type: string }) => /^AWS::(DMS|Kinesis|Events)::|^Custom::Replication/.test(Type);
    const only = Object.entries(one.templates.Streams.Resources).filter(([, resource]) => shown(resource));
    expect(readable({ Resources: Object.fromEntries(only) }, 'dev')).toMatchSnapshot();
  });

  test('passes the gates', () => {
    const { violations } = new AwsSolutionsChecks().validateScope(one.app);
    const found = violations.flatMap(({ ruleName, violatingResources }) =>
      violatingResources.map(({ constructPath }) => `${ruleName} at ${constructPath ?? '?'}`),
    );
    const everywhere = allowed(one).filter((statement) => statement.resources.includes('*'));
    expect([found, withoutReason(everywhere, EVERY_RESOURCE)]).toEqual([[], []]);
  });

  test('tells every column, its transaction and changed keys, and takes the named tables only', () => {
    streams(one).hasResourceProperties('AWS::DMS::Endpoint', {
      EndpointType: 'target',
      KinesisSettings: Match.objectLike({
        IncludeTransactionDetails: true,
        IncludeNullAndEmpty: true,
        IncludeTableAlterOperations: true,
        MessageFormat: 'json-unformatted',
      }),
    });
    const [config] = Object.values(streams(one).findResources('AWS::DMS::ReplicationConfig'));
    const rules = at(config, 'Properties', 'TableMappings', 'rules') as Record<string, unknown>[];
    const taken = rules.filter((rule) => rule['rule-type'] === 'selection');
    expect(taken.map((rule) => [rule['rule-action'], at(rule, 'object-locator', 'table-name')])).toEqual(
      datasets.map((dataset) => ['explicit', dataset]),
    );
    expect(at(config, 'Properties', 'ReplicationSettings')).toMatchObject({
      BeforeImageSettings: { EnableBeforeImage: true, ColumnFilter: 'pk-only' },
      ErrorBehavior: { DataErrorPolicy: 'STOP_TASK', TableErrorPolicy: 'STOP_TASK' },
    });
  });

  test('is stopped before CloudFormation changes it, started after Firehose reads, and stopped before that goes', () => {
    const { Resources } = one.templates.Streams;
    const depends = (id: string) => at(Resources[id], 'DependsOn') as string[];
    const step = (wanted: string) =>
      Object.keys(Resources).filter((id) => at(Resources[id], 'Properties', 'Step') === wanted);
    const changed = Object.keys(Resources).filter((id) =>
      /^AWS::DMS::(Endpoint|ReplicationConfig)$/.test(Resources[id].Type),
    );
    expect(changed).toHaveLength(3);
    for (const id of changed) expect(depends(id)).toEqual(expect.arrayContaining(step('before')));
    const config = changed.filter((id) => Resources[id].Type === 'AWS::DMS::ReplicationConfig');
    expect(depends(step('after')[0])).toEqual(expect.arrayContaining(config));
    ingestion(one).hasResource('Custom::Replication', {
      Properties: { Step: 'run', Identifier: at(Resources[config[0]], 'Properties', 'ReplicationConfigIdentifier') },
      DependsOn: Match.arrayWith([Match.stringLikeRegexp('^ChangeStreamsshopStream')]),
    });
  });

  test('goes, as its reader does, when what it wrote has been read', () => {
    const drain = (template: Template, Step: string) =>
      Object.values(template.findResources('Custom::Replication', { Properties: { Step } })).map((found) =>
        Number(at(found, 'Properties', 'DrainSeconds')),
      );
    const { bufferSeconds } = environmentOf('dev').firehose;
    expect(drain(streams(one), 'after')).toEqual([bufferSeconds + 120]);
    expect(drain(ingestion(one), 'run')).toEqual([bufferSeconds + 120]);
  });

  test('goes through the transform to bronze, and its errors to a prefix of its own', () => {
    ingestion(one).hasResourceProperties('AWS::KinesisFirehose::DeliveryStream', {
      DeliveryStreamType: 'KinesisStreamAsSource',
      IcebergDestinationConfiguration: {
        AppendOnly: true,
        S3Configuration: { ErrorOutputPrefix: Match.stringLikeRegexp('^changes/shop/') },
      },
    });
    ingestion(one).hasResourceProperties('AWS::Lambda::Function', {
      Description: 'lambdas/transform-changes',
      Environment: { Variables: { SOURCE: 'shop', ENVIRONMENT: 'dev' } },
    });
  });

  test.each(['quarantined', 'failed', 'unknownFields'])(
    'raises an alarm for what the transform counts as %s',
    (count) => {
      ingestion(one).hasResourceProperties('AWS::Logs::MetricFilter', {
        FilterPattern: `{ $.message.${count} > 0 }`,
        MetricTransformations: [Match.objectLike({ MetricName: `shop-${count}`, MetricValue: `$.message.${count}` })],
      });
      ingestion(one).hasResourceProperties('AWS::CloudWatch::Alarm', { MetricName: `shop-${count}`, Threshold: 1 });
    },
  );

  test('gets the endpoints that DMS calls', () => {
    const services = resources(one).flatMap(({ resource: { Type, Properties } }) =>
      Type === 'AWS::EC2::VPCEndpoint' ? [JSON.stringify(Properties?.ServiceName)] : [],
    );
    expect(services.filter((name) => /kinesis-streams|secretsmanager/.test(name))).toHaveLength(2);
  });
});

/** Filters of the jobs' output that count something of the source, and the alarm on it: pattern → what is counted. */
function counted(one: Synthesis, metricName: string) {
  const template = Template.fromJSON(one.templates.Transformation);
  const filters = Object.values(template.findResources('AWS::Logs::MetricFilter')).flatMap(({ Properties }) => {
    const { FilterPattern: pattern, MetricTransformations: to } = Properties as {
      FilterPattern: string;
      MetricTransformations: { MetricName: string; MetricValue: string }[];
    };
    return to
      .filter((each) => each.MetricName === metricName)
      .map(({ MetricValue }) => ({ pattern, value: MetricValue }));
  });
  const alarms = Object.values(
    template.findResources('AWS::CloudWatch::Alarm', { Properties: { MetricName: metricName } }),
  );
  return { filters, alarms: alarms.map(({ Properties }) => Properties as Record<string, unknown>) };
}

describe('what the jobs find', () => {
  const ofSource = `(${datasets.map((dataset) => `$.dataset = "${dataset}"`).join(' || ')})`;
  const once = { Threshold: 1, EvaluationPeriods: 1, Statistic: 'Sum', Period: 300, TreatMissingData: 'notBreaching' };

  test('rows that a stream had lost raise an alarm where an export is compared', () => {
    const { filters, alarms } = counted(CASES.postgres, 'shop-lost');
    expect(filters).toEqual([
      { pattern: `{ $.job = "load_snapshot" && $.skipped IS FALSE && $.lost > 0 && ${ofSource} }`, value: '$.lost' },
    ]);
    expect(alarms).toEqual([
      expect.objectContaining({ ...once, AlarmDescription: expect.stringMatching(/#rows-differ$/) as string }),
    ]);
    expect([CASES.mysql, CASES.sqlserver].map((one) => counted(one, 'shop-lost'))).toEqual([
      { filters: [], alarms: [] },
      { filters: [], alarms: [] },
    ]);
  });

  test.each(['postgres', 'mysql', 'sqlserver'])('a log of %s that went back raises an alarm', (engine) => {
    const { filters, alarms } = counted(CASES[engine], 'shop-log-went-back');
    expect(filters).toEqual([{ pattern: `{ $.log_went_back IS TRUE && ${ofSource} }`, value: '1' }]);
    expect(alarms).toEqual([
      expect.objectContaining({ ...once, AlarmDescription: expect.stringMatching(/#source-restored$/) as string }),
    ]);
  });

  test('neither is looked for where nothing is captured', () => {
    const databases = { shop: { instance: 'acme-shop' } };
    const { databases: plain } = parseEnvironment('config/dev.ts', { ...environmentOf('dev'), databases });
    const bare = synthesize('dev', { databases: plain }, [{ ...shopOf('postgres'), capture: undefined }, ...others]);
    expect(JSON.stringify(bare.templates.Transformation)).not.toMatch(/log_went_back|\$\.lost/);
  });
});

test('a source of many datasets has as many filters as their names need', () => {
  const app = new App();
  const stack = new Stack(app, 'Test');
  const names = Array.from({ length: 21 }, (_, i) => `dataset_${i}`);
  const source = { kind: 'database', name: 'shop', engine: 'postgres', database: 'd', schema: 's' } as const;
  watchLosses(stack, {
    alarms: new AlarmTopic(stack, 'Alarms', { key: new Key(stack, 'Key') }),
    source: { ...source, datasets: names, capture: {} },
    logGroup: new LogGroup(stack, 'Log'),
  });
  const found = Object.values(Template.fromStack(stack).findResources('AWS::Logs::MetricFilter')).map((each) =>
    String(at(each, 'Properties', 'FilterPattern')),
  );
  expect(found.map((pattern) => pattern.match(/dataset_/g)?.length)).toEqual([10, 10, 1]);
  expect(names.filter((name) => !found.join().includes(`"${name}"`))).toEqual([]);
});

test('PostgreSQL is exported and captured; of others DMS loads the tables, and no snapshot is exported', () => {
  const types = Object.values(CASES).map((one) => {
    const [config] = Object.values(streams(one).findResources('AWS::DMS::ReplicationConfig'));
    return at(config, 'Properties', 'ReplicationType');
  });
  expect(types).toEqual(['cdc', 'full-load-and-cdc', 'full-load-and-cdc', 'cdc', 'cdc']);
  const exporting = (one: Synthesis) => JSON.stringify(one.templates.Ingestion).includes('rds:StartExportTask');
  expect([CASES.postgres, CASES.mysql, CASES.sqlserver].map(exporting)).toEqual([true, false, false]);
});

test('nothing is written to a read replica', () => {
  streams(CASES['a read replica']).hasResourceProperties('AWS::DMS::Endpoint', {
    PostgreSqlSettings: { HeartbeatEnable: false, CaptureDdls: false, HeartbeatSchema: Match.absent() },
  });
});

test('TLS is required, and verified where there is a certificate', () => {
  const modes = Object.values(CASES).map((one) => {
    const all = Object.values(streams(one).findResources('AWS::DMS::Endpoint'));
    return all.map((endpoint) => at(endpoint, 'Properties', 'SslMode')).find(Boolean);
  });
  expect(modes).toEqual(['require', 'verify-full', 'verify-full', 'require', 'require']);
});

test('a new epoch is a new replication on the same stream', () => {
  const [first, second] = [CASES.postgres, CASES['a stream of two shards, and a new epoch']];
  const ids = (one: Synthesis, type: string) =>
    Object.entries(one.templates.Streams.Resources).flatMap(([id, { Type }]) => (Type === type ? [id] : []));
  expect(ids(first, 'AWS::Kinesis::Stream')).toEqual(ids(second, 'AWS::Kinesis::Stream'));
  for (const type of ['AWS::DMS::ReplicationConfig', 'AWS::DMS::Endpoint']) {
    expect(ids(first, type).filter((id) => ids(second, type).includes(id))).toEqual([]);
  }
});

test('the roles of the account are made where `captureRoles` says so, before the subnet group', () => {
  const { templates, assembly } = CASES.postgres;
  Template.fromJSON(templates.Account).hasResource('AWS::IAM::Role', {
    Properties: { RoleName: 'dms-vpc-role' },
    DeletionPolicy: 'Retain',
  });
  const found = assembly.stacks.find(({ stackName }) => stackName === 'moraine-dev-streams');
  expect(found?.dependencies.map(({ manifest }) => manifest.displayName)).toContain('moraine-dev/Account');
  const without = synthesize('dev', { captureRoles: false });
  expect(
    Template.fromJSON(without.templates.Account).findResources('AWS::IAM::Role', {
      Properties: { RoleName: 'dms-vpc-role' },
    }),
  ).toEqual({});
});

test('without capture there is nothing of it', () => {
  const sources = declared.map((source) => (source.kind === 'database' ? { ...source, capture: undefined } : source));
  const { databases } = environmentOf('dev');
  const bare = Object.entries(databases).map(([name, database]) => [name, { ...database, capture: undefined }]);
  const one = synthesize('dev', { databases: Object.fromEntries(bare) as typeof databases }, sources);
  const types = resources(one).map(({ resource }) => resource.Type);
  expect(types.filter((type) => /^AWS::(DMS|Kinesis)::|^Custom::Replication/.test(type))).toEqual([]);
  expect(JSON.stringify(one.templates)).not.toMatch(/kinesis-streams|dms-vpc-role/);
});

test('a table without a key tells whole rows, and needs no key to be spread by', () => {
  const source = { kind: 'database', name: 'shop', engine: 'postgres', database: 'shop', schema: 'sales' } as const;
  const captured = { ...source, datasets: ['carts', 'visits'], capture: {} };
  const keysOf = (keyless: string[]) =>
    JSON.stringify(tableMappings(captured, keyless)).match(/(?<="partition-key-type":")[a-z-]+/g);
  expect(keysOf([])).toEqual(['primary-key', 'primary-key']);
  expect(keysOf(['visits'])).toEqual(['primary-key', 'schema-table']);
  expect([false, true].map((keyless) => replicationSettings(keyless).BeforeImageSettings.ColumnFilter)).toEqual([
    ...['pk-only', 'all'],
  ]);
});
