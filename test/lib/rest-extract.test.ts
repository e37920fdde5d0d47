import { App, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { AttributeType, Table } from 'aws-cdk-lib/aws-dynamodb';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { environment as environmentOf } from '../../config';
import type { Environment } from '../../config/environment';
import type { Platform } from '../../lambdas/shared/platform';
import type { RestAuthentication, RestSource } from '../../lambdas/shared/rest-source';
import { AlarmTopic } from '../../lib/alarms';
import { ApiSecrets } from '../../lib/api-secrets';
import type { Basis } from '../../lib/basis';
import { RestExtract } from '../../lib/rest-extract';
import { at } from './synthesis';

const source = (name: string, authentication: RestAuthentication): RestSource => ({
  kind: 'rest',
  name,
  authentication,
  resources: [{ dataset: name, path: '/', records: '$[*]', paging: { kind: 'none' } }],
});
const SOURCES = [
  source('fares', { kind: 'api_key', header: 'X-Api-Key' }),
  source('tolls', { kind: 'bearer' }),
  source('weather', { kind: 'none' }),
];

/** The two constructs in a stack of their own. */
function made(removal: Environment['removal'] = 'retain', sources = SOURCES): Template {
  const stack = new Stack(new App(), 'Test', { env: { account: '111122223333', region: 'eu-central-1' } });
  const key = new Key(stack, 'Key');
  const apis = Object.fromEntries(sources.map(({ name }) => [name, { url: `https://${name}.example` }]));
  const environment = { ...environmentOf('dev'), removal, apis };
  const platform: Platform = { environment: 'dev', contracts: [], sources, endpoints: [] };
  const basis: Basis = { environment, platform, key, alarms: new AlarmTopic(stack, 'Alarms', { key }) };
  const secrets = new ApiSecrets(stack, 'Secrets', basis);
  new RestExtract(stack, 'Rest', {
    ...basis,
    secrets,
    landing: new Bucket(stack, 'Landing'),
    runs: new Table(stack, 'Runs', { partitionKey: { name: 'pk', type: AttributeType.STRING } }),
  });
  return Template.fromStack(stack);
}

/** What the handler's role may do, as `action on resource`; resources by their logical IDs, without the hash. */
function allowed(template: Template): string[] {
  const statements = Object.values(template.findResources('AWS::IAM::Policy')).flatMap(
    (policy) => at(policy, 'Properties', 'PolicyDocument', 'Statement') as { Action: unknown; Resource: unknown }[],
  );
  const name = (resource: unknown): string => {
    if (typeof resource === 'string') return resource;
    const parts = at(resource, 'Fn::Join', 1) as unknown[] | undefined;
    if (parts) return parts.map(name).join('');
    return String(at(resource, 'Ref') ?? at(resource, 'Fn::GetAtt', 0)).replace(/[0-9A-F]{8}$/, '');
  };
  return statements
    .flatMap(({ Action, Resource }) =>
      [Action].flat().flatMap((action) => [Resource].flat().map((on) => `${String(action)} on ${name(on)}`)),
    )
    .sort();
}

describe('ApiSecrets', () => {
  test('a secret for each API that wants to know who asks, with the key of the environment', () => {
    const template = made();
    const secrets = Object.values(template.findResources('AWS::SecretsManager::Secret'));
    expect(secrets.map((secret) => at(secret, 'Properties', 'Name'))).toEqual([
      'moraine/dev/fares',
      'moraine/dev/tolls',
    ]);
    template.allResourcesProperties('AWS::SecretsManager::Secret', {
      KmsKeyId: { 'Fn::GetAtt': [Match.stringLikeRegexp('^Key'), 'Arn'] },
      SecretString: Match.absent(),
    });
  });

  test.each([
    ['retain', 'Retain'],
    ['destroy', 'Delete'],
  ] as const)('with removal %s, a secret that somebody has filled meets %s', (removal, policy) => {
    made(removal).allResources('AWS::SecretsManager::Secret', { DeletionPolicy: policy, UpdateReplacePolicy: policy });
  });
});

describe('RestExtract', () => {
  test('the handler knows the URL of each API and its secret, and has as long as Lambda gives', () => {
    const template = made();
    template.hasResourceProperties('AWS::Lambda::Function', {
      Timeout: 900,
      Environment: {
        Variables: Match.objectLike({
          LANDING_PREFIX: 'rest/',
          API_URLS:
            '{"fares":"https://fares.example","tolls":"https://tolls.example","weather":"https://weather.example"}',
        }),
      },
    });
    const [handler] = Object.values(template.findResources('AWS::Lambda::Function'));
    const secrets = JSON.stringify(at(handler, 'Properties', 'Environment', 'Variables', 'API_SECRETS'));
    expect(secrets).toMatch(/fares.*Ref":"Secretsfares.*tolls.*Ref":"Secretstolls/);
    expect(secrets).not.toContain('weather');
  });

  test('it calls the internet, so it stands in no VPC, and no NAT is needed', () => {
    made().hasResourceProperties('AWS::Lambda::Function', { VpcConfig: Match.absent() });
  });

  test('it writes its own prefix and its state, reads its secrets, and may do no more', () => {
    const may = allowed(made()).filter((line) => !/^(logs|xray):/.test(line));
    expect(may.filter((line) => /\*$/.test(line))).toEqual([
      's3:AbortMultipartUpload on Landing/rest/*',
      's3:DeleteObject on Landing/rest/*',
      's3:GetObject on Landing/rest/*',
      's3:PutObject on Landing/rest/*',
    ]);
    expect(may.filter((line) => line.startsWith('secretsmanager:'))).toEqual([
      'secretsmanager:GetSecretValue on Secretsfares',
      'secretsmanager:GetSecretValue on Secretstolls',
    ]);
    expect(may).toEqual(expect.arrayContaining(['dynamodb:PutItem on Runs', 'kms:Decrypt on Key']));
    expect(new Set(may.map((line) => line.split(':')[0]))).toEqual(
      new Set(['dynamodb', 'kms', 's3', 'secretsmanager']),
    );
  });

  test('without REST sources there is nothing to read', () => {
    const template = made('retain', []);
    template.resourceCountIs('AWS::SecretsManager::Secret', 0);
    expect(allowed(template).filter((line) => line.startsWith('secretsmanager:'))).toEqual([]);
  });
});
