import { App, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Key } from 'aws-cdk-lib/aws-kms';
import { environment as environmentOf } from '../../config';
import { datasetsOf } from '../../lambdas/shared/source';
import { AlarmTopic } from '../../lib/alarms';
import type { Basis } from '../../lib/basis';
import { readDeclarations } from '../../lib/declarations';
import { Handler } from '../../lib/handler';
import { Pipeline } from '../../lib/pipeline';
import { PlatformStage } from '../../lib/platform';
import { sparkConf } from '../../lib/spark-settings';
import { sources } from '../../sources';
import { at, resources, synthesis, synthesize, type TemplateJson } from './synthesis';

const of = (stack: string, environment = 'dev') => Template.fromJSON(synthesis(environment).templates[stack]);

interface State {
  readonly Type: string;
  readonly Resource?: string;
  readonly Retry?: unknown[];
  readonly TimeoutSeconds?: number;
  readonly Arguments?: { readonly Timeout?: number };
  readonly ItemProcessor?: { readonly States: Record<string, State> };
}

/** What the policies of a role allow, as `action on resource`; the role by its logical ID without the hash. */
function allowedTo(role: string, stack: string): string[] {
  const policies = Object.values(of(stack).findResources('AWS::IAM::Policy')).filter((policy) =>
    new RegExp(`"Ref":"${role}[0-9A-F]{8}"`).test(JSON.stringify(at(policy, 'Properties', 'Roles'))),
  );
  const statements = policies.flatMap(
    (policy) =>
      at(policy, 'Properties', 'PolicyDocument', 'Statement') as {
        readonly Action: string | string[];
        readonly Resource: unknown;
      }[],
  );
  return statements.flatMap(({ Action, Resource }) =>
    [Action].flat().flatMap((action) => [Resource].flat().map((on) => `${action} on ${JSON.stringify(on)}`)),
  );
}

/** The state machine's definition, its references replaced by a word. */
function definition(environment = 'dev') {
  const [machine] = Object.values(of('Transformation', environment).findResources('AWS::StepFunctions::StateMachine'));
  const parts = at(machine, 'Properties', 'DefinitionString', 'Fn::Join', 1) as unknown[];
  const text = parts.map((part) => (typeof part === 'string' ? part : 'reference')).join('');
  return JSON.parse(text) as { StartAt: string; QueryLanguage: string; States: Record<string, State> };
}

/** The tasks among states, and among those of maps within them. */
function tasksOf(states: Record<string, State>): State[] {
  return Object.values(states).flatMap((state) => [
    ...(state.Type === 'Task' ? [state] : []),
    ...tasksOf(state.ItemProcessor?.States ?? {}),
  ]);
}

describe('Network', () => {
  test('three isolated subnets, no way out', () => {
    of('Foundation').resourceCountIs('AWS::EC2::Subnet', 3);
    of('Foundation').resourceCountIs('AWS::EC2::NatGateway', 0);
    of('Foundation').resourceCountIs('AWS::EC2::InternetGateway', 0);
  });

  test('all traffic is logged', () => {
    of('Foundation').hasResourceProperties('AWS::EC2::FlowLog', { TrafficType: 'ALL' });
  });
});

describe('Storage', () => {
  test('buckets are private and refuse plain HTTP', () => {
    const buckets = of('Foundation').findResources('AWS::S3::Bucket');
    for (const bucket of Object.values(buckets)) {
      const block = at(bucket, 'Properties', 'PublicAccessBlockConfiguration') as object;
      expect(Object.values(block)).toEqual([true, true, true, true]);
    }
    of('Foundation').allResourcesProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: Match.objectLike({
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
        ]),
      }),
    });
    of('Foundation').resourceCountIs('AWS::S3::BucketPolicy', Object.keys(buckets).length);
  });
});

describe('Tables', () => {
  test('the migration is called when a contract or the handler changes, and waits no hour', () => {
    of('Foundation').hasResourceProperties('Custom::IcebergTables', {
      Environment: 'dev',
      TablesHash: Match.stringLikeRegexp('^[0-9a-f]{32}$'),
      HandlerHash: Match.stringLikeRegexp('^[0-9a-f]{32}$'),
      ServiceTimeout: '900',
    });
  });

  test('the databases are there before the tables', () => {
    of('Foundation').hasResource('Custom::IcebergTables', {
      DependsOn: Match.arrayWith([
        Match.stringLikeRegexp('^CatalogueBronze'),
        Match.stringLikeRegexp('^CatalogueSilver'),
      ]),
    });
  });
});

describe('EventStream', () => {
  test('appends to Iceberg tables through the transform; what fails goes to the error prefix', () => {
    of('Ingestion').hasResourceProperties('AWS::KinesisFirehose::DeliveryStream', {
      DeliveryStreamType: 'DirectPut',
      IcebergDestinationConfiguration: {
        AppendOnly: true,
        BufferingHints: { IntervalInSeconds: 60, SizeInMBs: 64 },
        ProcessingConfiguration: { Enabled: true },
        S3Configuration: { ErrorOutputPrefix: Match.stringLikeRegexp('^firehose/') },
        s3BackupMode: 'FailedDataOnly',
      },
    });
  });

  test('comes after the stack with the tables', () => {
    const { stacks } = synthesis('dev').assembly;
    const ingestion = stacks.find((stack) => stack.stackName === 'moraine-dev-ingestion');
    expect(ingestion?.dependencies.map((dependency) => dependency.manifest.displayName)).toContain(
      'moraine-dev/Foundation',
    );
  });

  test('is not there when nothing is collected or captured', () => {
    const app = new App();
    const environment = environmentOf('dev');
    const platform = readDeclarations({ environment, sources });
    const databases = platform.sources
      .filter((source) => source.kind === 'database')
      .map((source) => ({ ...source, capture: undefined }));
    const stage = new PlatformStage(app, { environment, platform: { ...platform, sources: databases } });
    const ingestion = stage.node.findChild('Ingestion');
    if (!Stack.isStack(ingestion)) throw new Error('Ingestion is no stack');
    const template = Template.fromStack(ingestion);
    template.resourceCountIs('AWS::KinesisFirehose::DeliveryStream', 0);
    template.resourceCountIs('AWS::ApiGateway::RestApi', 0);
  });
});

describe('RestApi', () => {
  test('every method is authorised by IAM and validated', () => {
    of('Serving').allResourcesProperties('AWS::ApiGateway::Method', {
      HttpMethod: 'GET',
      AuthorizationType: 'AWS_IAM',
      RequestValidatorId: Match.anyValue(),
    });
  });

  test('what the sample leaves open to everybody asks for a write key, and is validated', () => {
    of('Ingestion').allResourcesProperties('AWS::ApiGateway::Method', {
      HttpMethod: Match.stringLikeRegexp('^(POST|OPTIONS)$'),
      AuthorizationType: 'NONE',
      RequestValidatorId: Match.anyValue(),
    });
    of('Ingestion').hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: Match.objectLike({ DATASET: Match.absent(), WRITE_KEYS: Match.anyValue() }) },
    });
  });

  test('limits, logs and traces calls', () => {
    of('Serving').hasResourceProperties('AWS::ApiGateway::Stage', {
      AccessLogSetting: Match.objectLike({ Format: Match.anyValue() }),
      MethodSettings: [Match.objectLike({ ThrottlingRateLimit: 20, ThrottlingBurstLimit: 40, LoggingLevel: 'ERROR' })],
      TracingEnabled: true,
    });
  });
});

describe('SparkJobs', () => {
  test('run on Glue 5.1 with the sizes of the environment', () => {
    const jobs = of('Transformation', 'prod');
    for (const name of ['load_snapshot', 'load_landing', 'merge', 'derive_sessions']) {
      jobs.hasResourceProperties('AWS::Glue::Job', {
        Name: `moraine-prod-${name}`,
        Command: { Name: 'glueetl' },
        GlueVersion: '5.1',
        WorkerType: 'G.2X',
        NumberOfWorkers: 5,
        Timeout: 240,
        ExecutionProperty: { MaxConcurrentRuns: 10 },
        JobRunQueuingEnabled: true,
      });
    }
  });

  test('the resident merge runs once at a time, ends after a day, is started again within a minute, and tells when it fails', () => {
    const spark = {
      ...environmentOf('prod').spark,
      microBatches: { everySeconds: 5, parallel: 4, workerType: 'G.1X', workers: 2 },
    } as const;
    const resident = Template.fromJSON(synthesize('prod', { spark }).templates.Transformation);
    resident.hasResourceProperties('AWS::Glue::Job', {
      Name: 'moraine-prod-merge_stream',
      Command: { Name: 'gluestreaming' },
      DefaultArguments: Match.objectLike({ '--datasets': Match.stringLikeRegexp('web_events'), '--seconds': '86400' }),
      WorkerType: 'G.1X',
      ExecutionProperty: { MaxConcurrentRuns: 1 },
    });
    resident.hasResourceProperties('AWS::Scheduler::Schedule', {
      ScheduleExpression: 'rate(1 minute)',
      Target: Match.objectLike({ RetryPolicy: Match.objectLike({ MaximumRetryAttempts: 0 }) }),
    });
    resident.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: Match.objectLike({ detail: Match.objectLike({ state: ['FAILED', 'TIMEOUT'] }) }),
    });
  });

  test('live answers are views, published as often as wished; without the wish nothing is', () => {
    const microBatches = { everySeconds: 5, parallel: 4, workerType: 'G.1X', workers: 2 } as const;
    const spark = { ...environmentOf('prod').spark, microBatches };
    const { templates } = synthesize('prod', { spark, live: { publishEveryMinutes: 5 } });
    const isLive = (value: string) => ({
      Environment: Match.objectLike({
        EnvironmentVariables: Match.arrayWith([{ Name: 'MARTS_LIVE', Type: 'PLAINTEXT', Value: value }]),
      }),
    });
    Template.fromJSON(templates.Transformation).hasResourceProperties('AWS::CodeBuild::Project', isLive('true'));
    Template.fromJSON(templates.Serving).hasResourceProperties('AWS::Scheduler::Schedule', {
      ScheduleExpression: 'rate(5 minutes)',
      Target: Match.objectLike({
        Input: '{"runId":"live-<aws.scheduler.execution-id>","again":true}',
        RetryPolicy: Match.objectLike({ MaximumRetryAttempts: 0 }),
      }),
    });
    of('Transformation', 'prod').hasResourceProperties('AWS::CodeBuild::Project', isLive('false'));
    of('Serving', 'prod').resourceCountIs('AWS::Scheduler::Schedule', 0);
  });

  test('without micro-batches there is no resident merge', () => {
    expect(
      of('Transformation', 'dev').findResources('AWS::Glue::Job', {
        Properties: { Command: { Name: 'gluestreaming' }, Name: 'moraine-dev-merge_stream' },
      }),
    ).toEqual({});
  });

  test('all tables are maintained once a day, once an hour beside a resident merge, or as often as said', () => {
    const microBatches = { everySeconds: 5, parallel: 4, workerType: 'G.1X', workers: 2 } as const;
    const cases = [
      [{}, 'rate(1 day)', '48'],
      [{ spark: { ...environmentOf('prod').spark, microBatches } }, 'rate(1 hour)', '2'],
      [{ maintenance: { everyHours: 6, keepHours: 100, tombstoneDays: 90 } }, 'rate(6 hours)', '100'],
    ] as const;
    for (const [environment, rate, hours] of cases) {
      const template = Template.fromJSON(synthesize('prod', environment).templates.Transformation);
      template.hasResourceProperties('AWS::Glue::Job', {
        Name: 'moraine-prod-maintain',
        DefaultArguments: Match.objectLike({
          '--datasets': sources.flatMap(datasetsOf).join(','),
          '--keep-hours': hours,
          '--tombstone-days': 'maintenance' in environment ? '90' : '30',
        }),
        ExecutionProperty: { MaxConcurrentRuns: 1 },
        JobRunQueuingEnabled: false,
      });
      template.hasResourceProperties('AWS::Scheduler::Schedule', {
        Description: 'Moraine prod: maintenance of the tables',
        ScheduleExpression: rate,
      });
    }
  });

  test('the maintenance writes bronze and silver, and reads nothing else of the lake', () => {
    const maintainer = allowedTo('SparkJobsMaintainRole', 'Transformation').join('\n');
    expect(maintainer).toMatch(/s3:DeleteObject on .*dev_bronze/);
    expect(maintainer).toMatch(/glue:UpdateTable on .*dev_silver/);
    expect(maintainer).not.toMatch(/dev_(quarantine|staging)|glue:(Create|Delete)Table/);
  });

  test('a snapshot load merges first, so it may do all that a merge may', () => {
    const merger = allowedTo('SparkJobsMergeRole', 'Transformation');
    expect(merger.filter((allowed) => /^glue:CreateTable on .*dev_staging/.test(allowed))).not.toEqual([]);
    const loader = allowedTo('SparkJobsLoadSnapshotRole', 'Transformation');
    expect(merger.filter((allowed) => !loader.includes(allowed))).toEqual([]);
  });

  test('settings are one argument', () => {
    expect(sparkConf('the-lake').split(' --conf ')).toContain('spark.sql.catalog.lake.warehouse=s3://the-lake/');
    expect(sparkConf('the-lake')).not.toMatch(/^--conf/);
  });
});

describe('Warehouse', () => {
  test('is reached within the VPC by TLS only, and grows no further than it may', () => {
    of('Warehouse').hasResourceProperties('AWS::RedshiftServerless::Workgroup', {
      BaseCapacity: 4,
      MaxCapacity: 8,
      PubliclyAccessible: false,
      EnhancedVpcRouting: true,
      ConfigParameters: Match.arrayWith([{ ParameterKey: 'require_ssl', ParameterValue: 'true' }]),
    });
  });

  test('reads silver, and nothing else of the lake', () => {
    const [policy] = Object.values(of('Warehouse').findResources('AWS::IAM::Policy'));
    const text = JSON.stringify(policy);
    expect(text).toContain('dev_silver');
    expect(text).not.toMatch(/dev_(bronze|quarantine|staging)|s3:PutObject/);
  });

  test('Redshift makes, keeps and changes the password of the administrator', () => {
    of('Warehouse').hasResourceProperties('AWS::RedshiftServerless::Namespace', {
      ManageAdminPassword: true,
      AdminPasswordSecretKmsKeyId: Match.anyValue(),
      AdminUserPassword: Match.absent(),
    });
  });
});

describe('Pipeline', () => {
  test('maps over the sources, and builds gold only when all have arrived', () => {
    const { States, StartAt, QueryLanguage } = definition();
    expect([StartAt, QueryLanguage]).toEqual(['Are sources named?', 'JSONata']);
    const all = at(States, 'All sources', 'Output', 'branches') as { source: string }[];
    expect(all.map(({ source }) => source)).toEqual(sources.map(({ name }) => name));
    expect(at(States, 'All sources', 'Next')).toBe('Each source');
    expect(States['Each source']).toMatchObject({ Type: 'Map', Next: 'Did all arrive?' });
    // Exports that wait for room must not keep an API or a stream waiting.
    expect(States['Each source']).not.toHaveProperty('MaxConcurrency');
    const failed = [{ Next: 'Sources failed' }];
    expect(States['Did all arrive?']).toMatchObject({ Choices: failed, Default: 'Each derived dataset' });
    expect(States['Each derived dataset']).toMatchObject({ Type: 'Map', Next: 'Was all derived?' });
    expect(States['Was all derived?']).toMatchObject({ Choices: failed, Default: 'Build gold' });
    expect(States['Build gold']).toMatchObject({ Next: 'Publish aggregates' });
  });

  test('calls handlers, Glue and CodeBuild only, each with retries and a timeout', () => {
    const tasks = tasksOf(definition().States);
    const services = new Set(tasks.map((task) => task.Resource?.replace(/^.*:states:::/, '')));
    expect([...services].sort()).toEqual(['codebuild:startBuild.sync', 'glue:startJobRun.sync', 'lambda:invoke']);
    for (const task of tasks) {
      expect(task.Retry).toHaveLength(1);
      expect(task.TimeoutSeconds ?? task.Arguments?.Timeout).toBeGreaterThan(0);
    }
  });

  test('what is derived comes after all that it may be derived from, each dataset before its merge', () => {
    const { States } = definition();
    const all = at(States, 'All sources', 'Output', 'branches') as { wayIn: string }[];
    expect(all.map(({ wayIn }) => wayIn)).toContain('derive');
    expect(at(States, 'Each source', 'Items')).toContain("[wayIn != 'derive']");
    expect(at(States, 'Each source', 'Output')).toContain("[wayIn = 'derive'].datasets");
    expect(at(States, 'Each derived dataset', 'Items')).toBe('{% $states.input.derived %}');
    const each = at(States, 'Each derived dataset', 'ItemProcessor', 'States') as Record<string, State>;
    expect(each).toMatchObject({ 'Derive sessions': { Next: 'Merge derived' }, 'Merge derived': { End: true } });
    for (const task of tasksOf(each)) expect(at(task, 'Catch', 0, 'Output')).toContain("'failed'");
  });

  test('asks again for an export that is queued, and counts tables that it skipped as failed', () => {
    const { States } = definition();
    const each = at(States, 'Each source', 'ItemProcessor', 'States') as Record<string, State>;
    expect(each['Start export']).toMatchObject({ Next: 'Is the export queued?' });
    expect(each['Is the export queued?']).toMatchObject({
      Choices: [{ Condition: "{% $states.input.status = 'queued' %}", Next: 'Wait for room' }],
      Default: 'Check export',
    });
    expect(each['Wait for room']).toMatchObject({ Type: 'Wait', Seconds: 60, Next: 'Start export' });
    expect(at(each, 'Each table', 'Output')).toContain('$states.input.skipped');
  });

  test('an API is extracted until nothing is left, then loaded and confirmed before it is merged', () => {
    const each = at(definition().States, 'Each source', 'ItemProcessor', 'States') as Record<string, State>;
    expect(at(each, 'Way in', 'Choices')).toContainEqual({
      Condition: "{% $states.input.wayIn = 'extract' %}",
      Next: 'Each resource',
    });
    const states = at(each, 'Each resource', 'ItemProcessor', 'States') as Record<string, State>;
    const unfinished = [{ Condition: "{% $states.input.status = 'unfinished' %}", Next: 'Wait for API' }];
    expect(at(each, 'Each resource', 'ItemProcessor', 'StartAt')).toBe('Extract');
    expect(states).toMatchObject({
      Extract: { Arguments: { Payload: { action: 'extract' } }, Next: 'Has every page landed?' },
      'Has every page landed?': { Choices: unfinished, Default: 'Load landing' },
      'Wait for API': { Type: 'Wait', Seconds: '{% $states.input.seconds %}', Next: 'Extract' },
      'Load landing': {
        Arguments: { Arguments: { '--landing': '{% $states.input.landing %}' } },
        Next: 'Confirm extraction',
      },
      'Confirm extraction': {
        Arguments: { Payload: { action: 'confirm', run: '{% $states.input.run %}' } },
        Next: 'Is there more to extract?',
      },
      'Is there more to extract?': { Choices: unfinished, Default: 'Merge landing' },
    });
    // One resource that fails stops no other, and the end of the run names it.
    for (const task of tasksOf(states)) {
      expect(at(task, 'Catch', 0, 'ErrorEquals')).toEqual(['States.ALL']);
      expect(at(task, 'Catch', 0, 'Output')).toContain("'failed'");
    }
  });

  test('is started by the schedule of the environment, or by nobody', () => {
    of('Transformation', 'prod').hasResourceProperties('AWS::Scheduler::Schedule', {
      ScheduleExpression: 'cron(0 4 * * ? *)',
    });
    of('Transformation', 'local').resourceCountIs('AWS::Scheduler::Schedule', 0);
  });

  test('without sources there is none', () => {
    const stack = new Stack(new App(), 'Test');
    const platform = { environment: 'dev', contracts: [], sources: [], endpoints: [] };
    expect(() => new Pipeline(stack, 'Pipeline', { ...basis(stack), platform } as never)).toThrow(
      'there are no sources',
    );
  });
});

describe('Marts', () => {
  // Redshift's users are named after them: a generated name would be another user after the stack was made again.
  test.each(['dev', 'prod'])('the roles that log in to the warehouse of %s keep their names', (environment) => {
    const [dbt, publish] = ['dbt', 'publish'].map((login) => {
      const name = ['', [`moraine-${environment}-`, { Ref: 'AWS::Region' }, `-${login}`]];
      const role = resources(synthesis(environment)).find(
        ({ resource }) => JSON.stringify(at(resource, 'Properties', 'RoleName', 'Fn::Join')) === JSON.stringify(name),
      );
      return role?.id ?? `no role ${JSON.stringify(name)}`;
    });
    of('Transformation', environment).hasResourceProperties('AWS::CodeBuild::Project', {
      ServiceRole: { 'Fn::GetAtt': [dbt, 'Arn'] },
    });
    of('Serving', environment).hasResourceProperties('AWS::Lambda::Function', {
      Description: 'lambdas/publish-aggregates',
      Role: { 'Fn::GetAtt': [publish, 'Arn'] },
    });
    const users = {
      DBT_ROLE: { Ref: dbt },
      PUBLISH_ROLE: { 'Fn::ImportValue': Match.stringLikeRegexp(`:ExportsOutputRef${publish}`) },
    };
    of('Transformation', environment).hasResourceProperties('Custom::WarehouseSetUp', users);
    of('Transformation', environment).hasResourceProperties('AWS::Lambda::Function', {
      Description: 'lambdas/set-up-warehouse',
      Environment: { Variables: Match.objectLike(users) },
    });
  });

  test('synth warns when dbt has no wheels', () => {
    const messages = synthesis('dev').assembly.stacks.flatMap((stack) => stack.messages);
    expect(JSON.stringify(messages.map((message) => message.entry.data))).toContain('deploy with npm run deploy');
  });
});

describe('Handler', () => {
  test('a handler that does not exist', () => {
    const stack = new Stack(new App(), 'Test');
    expect(() => new Handler(stack, 'Handler', { ...basis(stack), name: 'no-such-handler' })).toThrow(
      'lambdas/no-such-handler/index.ts does not exist: there are authorize-token, check-export, collect-events,',
    );
  });
});

test('outputs name what a run needs', () => {
  const { templates } = synthesis('dev');
  const plain = (template: TemplateJson) =>
    Object.entries(template.Outputs ?? {})
      .filter(([, output]) => !output.Export)
      .map(([id]) => id);
  const found = Object.values(templates).flatMap(plain);
  expect(found).toEqual(
    expect.arrayContaining(['LandingBucket', 'LakeBucket', 'ErrorsBucket', 'RunsTable', 'ServingTable', 'PipelineArn']),
  );
  expect(found).toEqual(expect.arrayContaining(['CollectorUrl', 'AnalyticsApiUrl']));
});

function basis(stack: Stack): Basis {
  const environment = environmentOf('dev');
  const key = new Key(stack, 'Key');
  const platform = readDeclarations({ environment, sources });
  return { environment, platform, key, alarms: new AlarmTopic(stack, 'Alarms', { key }) };
}
