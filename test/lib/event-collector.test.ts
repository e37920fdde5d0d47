import { App, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { AwsSolutionsChecks } from 'cdk-nag';
import { environment as environmentOf } from '../../config';
import type { Environment } from '../../config/environment';
import type { CollectorAccess } from '../../lambdas/shared/collector-source';
import type { Platform } from '../../lambdas/shared/platform';
import { checkSources } from '../../lambdas/shared/source';
import { AlarmTopic } from '../../lib/alarms';
import type { Basis } from '../../lib/basis';
import { EventCollector } from '../../lib/event-collector';
import { WriteKeys } from '../../lib/write-keys';
import { at } from './synthesis';

const collector = (name: string, access?: CollectorAccess) =>
  ({ kind: 'collector', name, dataset: name, access }) as const;
const keyed = (...origins: string[]): CollectorAccess => ({ kind: 'write_key', origins });
const SIGNED = [collector('bills'), collector('parcels', { kind: 'iam' })];
const KEYED = [collector('clicks', keyed('https://shop.example.com')), collector('reads', keyed())];

function made(collectors: readonly ReturnType<typeof collector>[], removal: Environment['removal'] = 'retain') {
  const app = new App();
  const stack = new Stack(app, 'Test', { env: { account: '111122223333', region: 'eu-central-1' } });
  const key = new Key(stack, 'Key', { enableKeyRotation: true });
  const environment = { ...environmentOf('dev'), removal };
  const platform: Platform = { environment: 'dev', contracts: [], sources: collectors, endpoints: [] };
  const basis: Basis = { environment, platform, key, alarms: new AlarmTopic(stack, 'Alarms', { key }) };
  const stream = {
    streamName: 'stream',
    grantPut: (grantee: IGrantable) =>
      Grant.addToPrincipal({ grantee, actions: ['firehose:PutRecordBatch'], resourceArns: ['arn:stream'] }),
  };
  const keys = new WriteKeys(stack, 'Keys', basis);
  new EventCollector(stack, 'Collector', { ...basis, collectors, stream, keys });
  return { app, template: Template.fromStack(stack) };
}

/** The API's methods as `METHOD path authorisation`. */
function methods(template: Template): string[] {
  const paths = Object.fromEntries(
    Object.entries(template.findResources('AWS::ApiGateway::Resource')).map(([id, resource]) => [
      id,
      String(at(resource, 'Properties', 'PathPart')),
    ]),
  );
  return Object.values(template.findResources('AWS::ApiGateway::Method'))
    .map(({ Properties }: Record<string, Record<string, unknown>>) => {
      const path = paths[String(at(Properties, 'ResourceId', 'Ref'))];
      return [Properties.HttpMethod, path, Properties.AuthorizationType].map(String).join(' ');
    })
    .sort();
}

/** Variables of the collectors' functions. */
const variables = (template: Template) =>
  Object.values(template.findResources('AWS::Lambda::Function')).map(
    (each) => at(each, 'Properties', 'Environment', 'Variables') as Record<string, unknown>,
  );

test('a collector is open to IAM unless it says otherwise, and has neither keys nor preflights', () => {
  const { template } = made(SIGNED);
  expect(methods(template)).toEqual(['POST bills AWS_IAM', 'POST parcels AWS_IAM']);
  expect(variables(template)).toEqual([
    { STREAM_NAME: 'stream', DATASET: 'bills' },
    { STREAM_NAME: 'stream', DATASET: 'parcels' },
  ]);
  template.resourceCountIs('AWS::SecretsManager::Secret', 0);
  template.allResourcesProperties('AWS::ApiGateway::Method', {
    RequestValidatorId: Match.anyValue(),
    RequestModels: { 'application/json': Match.anyValue() },
  });
});

test('collectors with write keys share one resource, so that no answer tells which datasets there are', () => {
  const { template } = made([...SIGNED, ...KEYED]);
  expect(methods(template)).toEqual([
    'OPTIONS {dataset} NONE',
    'POST bills AWS_IAM',
    'POST parcels AWS_IAM',
    'POST {dataset} NONE',
  ]);
  const [, , byKey] = variables(template);
  expect(Object.keys(byKey).sort()).toEqual(['STREAM_NAME', 'WRITE_KEYS']);
  expect(JSON.stringify(byKey.WRITE_KEYS)).toMatch(/clicks.*"Ref":"Keysclicks.*reads.*"Ref":"Keysreads/);
});

test('only their handler may read the keys, and nothing but them', () => {
  const { template } = made([...SIGNED, ...KEYED]);
  const policies = Object.values(template.findResources('AWS::IAM::Policy')).filter((policy) =>
    JSON.stringify(policy).includes('secretsmanager:'),
  );
  expect(policies).toHaveLength(1);
  expect(JSON.stringify(at(policies[0], 'Properties', 'Roles'))).toContain('CollectByKeyRole');
  const statements = at(policies[0], 'Properties', 'PolicyDocument', 'Statement') as Record<string, unknown>[];
  expect(statements.filter(({ Action }) => JSON.stringify(Action).includes('secretsmanager:'))).toEqual([
    {
      Action: 'secretsmanager:GetSecretValue',
      Effect: 'Allow',
      Resource: ['clicks', 'reads'].map((name) => ({ Ref: expect.stringMatching(`^Keys${name}`) as string })),
    },
  ]);
});

test('a secret for each, with the key of the environment, and no key in the template', () => {
  const { template } = made([...SIGNED, ...KEYED]);
  const secrets = Object.values(template.findResources('AWS::SecretsManager::Secret'));
  expect(secrets.map((secret) => at(secret, 'Properties', 'Name'))).toEqual([
    'moraine/dev/clicks',
    'moraine/dev/reads',
  ]);
  template.allResourcesProperties('AWS::SecretsManager::Secret', {
    KmsKeyId: { 'Fn::GetAtt': [Match.stringLikeRegexp('^Key'), 'Arn'] },
    SecretString: Match.absent(),
  });
});

test.each([
  ['retain', 'Retain'],
  ['destroy', 'Delete'],
] as const)('with removal %s, keys that somebody has put in meet %s', (removal, policy) => {
  const { template } = made(KEYED, removal);
  template.allResources('AWS::SecretsManager::Secret', { DeletionPolicy: policy, UpdateReplacePolicy: policy });
});

test('the methods that API Gateway leaves open have their reason written down', () => {
  const { violations } = new AwsSolutionsChecks().validateScope(made([...SIGNED, ...KEYED]).app);
  expect(violations.map(({ ruleName }) => ruleName).filter((name) => /APIG|COG/.test(name))).toEqual([]);
});

test('calls are limited, and pass the firewall', () => {
  const { template } = made(KEYED);
  template.hasResourceProperties('AWS::ApiGateway::Stage', {
    MethodSettings: [Match.objectLike({ HttpMethod: '*', ThrottlingRateLimit: 20, ThrottlingBurstLimit: 40 })],
  });
  template.resourceCountIs('AWS::WAFv2::WebACLAssociation', 1);
});

describe('origins', () => {
  const check = (...origins: string[]) => checkSources([collector('clicks', keyed(...origins))], ['clicks']);

  test.each([
    ['https://shop.example.com'],
    ['https://shop.example.com:8443'],
    ['http://localhost:3000'],
    ['http://127.0.0.1:8080'],
  ])('%s is one', (origin) => {
    expect(check(origin, 'https://other.example')).toHaveLength(1);
  });

  test.each([
    ['*'],
    ['https://*.example.com'],
    ['https://shop.example.com/'],
    ['https://shop.example.com/page'],
    ['https://Shop.example.com'],
    ['https://shop.example.com:443'],
    ['http://shop.example.com'],
    ['shop.example.com'],
    ['null'],
    ['https://other.example'],
  ])('%s is none, or is there already', (origin) => {
    expect(() => check('https://other.example', origin)).toThrow(
      `sources/clicks.ts: access.origins has ${JSON.stringify(origin)}; allowed is each origin once, such as https://shop.example.com:`,
    );
  });
});
