import { Match, Template } from 'aws-cdk-lib/assertions';
import { environment } from '../../config';
import { readDeclarations } from '../../lib/declarations';
import { sources } from '../../sources';
import { at, resources, synthesis, synthesize } from './synthesis';

const of = (stack: string, name = 'dev') => Template.fromJSON(synthesis(name).templates[stack]);

describe('workgroup', () => {
  const configuration = (name: string) => {
    const [workgroup] = Object.values(of('Serving', name).findResources('AWS::Athena::WorkGroup'));
    return at(workgroup, 'Properties') as Record<string, unknown>;
  };

  test('its settings bind everybody: a limit, metrics, and answers encrypted in the bucket for them', () => {
    expect(configuration('dev')).toMatchObject({
      Name: 'moraine-dev',
      WorkGroupConfiguration: {
        EnforceWorkGroupConfiguration: true,
        PublishCloudWatchMetricsEnabled: true,
        BytesScannedCutoffPerQuery: 100 * 2 ** 30,
        EngineVersion: { SelectedEngineVersion: 'Athena engine version 3' },
        ResultConfiguration: { EncryptionConfiguration: { EncryptionOption: 'SSE_KMS' } },
      },
    });
    const { ResultConfiguration: results } = configuration('dev').WorkGroupConfiguration as Record<string, unknown>;
    expect(JSON.stringify(at(results, 'OutputLocation'))).toContain('StorageResults');
    expect(JSON.stringify(at(results, 'EncryptionConfiguration', 'KmsKey'))).toMatch(/ExportsOutputFnGetAttKey\w+Arn/);
  });

  test('saved queries keep it, where data are kept', () => {
    expect(configuration('prod').RecursiveDeleteOption).toBe(false);
    expect(configuration('dev').RecursiveDeleteOption).toBe(true);
  });

  test('limits are those of the environment', () => {
    const lakeQueries = { scanLimitGiB: 2, dailyScanGiB: 5, resultDays: 3 };
    const { Foundation, Serving } = synthesize('dev', { lakeQueries }).templates;
    Template.fromJSON(Serving).hasResourceProperties('AWS::Athena::WorkGroup', {
      WorkGroupConfiguration: { BytesScannedCutoffPerQuery: 2 * 2 ** 30 },
    });
    Template.fromJSON(Serving).hasResourceProperties('AWS::CloudWatch::Alarm', {
      Namespace: 'AWS/Athena',
      MetricName: 'ProcessedBytes',
      Statistic: 'Sum',
      Period: 86_400,
      Threshold: 5 * 2 ** 30,
      Dimensions: [{ Name: 'WorkGroup', Value: { Ref: Match.stringLikeRegexp('^LakeQueriesWorkgroup') } }],
    });
    const expiring = Object.entries(Template.fromJSON(Foundation).findResources('AWS::S3::Bucket')).filter(
      ([, bucket]) => at(bucket, 'Properties', 'LifecycleConfiguration', 'Rules', 0, 'ExpirationInDays') === 3,
    );
    expect(expiring.map(([id]) => id)).toEqual([expect.stringMatching(/^StorageResults/)]);
  });
});

describe('views', () => {
  const { contracts } = readDeclarations({ environment: environment('dev'), sources });
  const views = Object.values(of('Serving').findResources('AWS::Glue::Table'));

  test('there is one for each contract', () => {
    expect(views.map((view) => at(view, 'Properties', 'TableInput', 'Name')).sort()).toEqual(
      contracts.map(({ dataset }) => dataset).sort(),
    );
  });

  test.each(contracts)('$dataset is a view of Presto with the columns of its contract', ({ dataset, columns }) => {
    const view = views.find((one) => at(one, 'Properties', 'TableInput', 'Name') === dataset);
    expect(view).toMatchObject({
      Properties: {
        DatabaseName: 'dev_lake',
        TableInput: { TableType: 'VIRTUAL_VIEW', Parameters: { presto_view: 'true', comment: 'Presto View' } },
      },
    });
    const shown = at(view, 'Properties', 'TableInput', 'StorageDescriptor', 'Columns') as { Name: string }[];
    expect(shown.map(({ Name }) => Name)).toEqual(columns.map(({ name }) => name));
  });

  test('nothing else is a Glue table of CloudFormation: those with rows are the migration’s', () => {
    const tables = resources(synthesis('dev')).filter(({ resource }) => resource.Type === 'AWS::Glue::Table');
    expect(
      tables.filter(({ resource }) => at(resource.Properties, 'TableInput', 'TableType') !== 'VIRTUAL_VIEW'),
    ).toEqual([]);
  });
});

describe('the reader’s policy', () => {
  const [policy] = Object.values(of('Serving').findResources('AWS::IAM::ManagedPolicy'));
  const statements = at(policy, 'Properties', 'PolicyDocument', 'Statement') as Record<string, unknown>[];
  const actions = statements.flatMap(({ Action }) => [Action].flat()) as string[];
  const granting = (action: string) => statements.filter(({ Action }) => [Action].flat().includes(action));

  test('has a name that a permission set can refer to', () => {
    expect(at(policy, 'Properties', 'ManagedPolicyName')).toEqual({
      'Fn::Join': ['', ['moraine-dev-', { Ref: 'AWS::Region' }, '-lake-reader']],
    });
  });

  test('reads views and silver, and nothing else of the lake', () => {
    const text = JSON.stringify(statements);
    expect(text).toContain('dev_lake');
    expect(text).toContain('dev_silver/*');
    expect(text).not.toMatch(/dev_(bronze|quarantine|staging)/);
  });

  test('changes nothing but answers and saved queries', () => {
    expect(actions.filter((action) => /^(glue|s3):(Create|Update|Delete|Batch|Put)/.test(action))).toEqual([
      's3:PutObject',
    ]);
    expect(JSON.stringify(granting('s3:PutObject').map(({ Resource }) => Resource))).toMatch(
      /^((?!StorageLake).)*StorageResults/,
    );
  });

  test('queries in this workgroup only, with the key only by way of S3, listing silver only', () => {
    expect(JSON.stringify(granting('athena:StartQueryExecution').map(({ Resource }) => Resource))).toMatch(
      /:workgroup\/.*LakeQueriesWorkgroup/,
    );
    expect(granting('kms:Decrypt').map(({ Condition }) => Condition)).toEqual([
      { StringEquals: { 'kms:ViaService': { 'Fn::Join': ['', ['s3.', { Ref: 'AWS::Region' }, '.amazonaws.com']] } } },
    ]);
    const lists = granting('s3:ListBucket').filter(({ Resource }) => JSON.stringify(Resource).includes('StorageLake'));
    expect(lists.map(({ Condition }) => Condition)).toEqual([{ StringLike: { 's3:prefix': ['dev_silver/*'] } }]);
  });
});
