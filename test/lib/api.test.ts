import { Match, Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks } from 'cdk-nag';
import { environment as environmentOf } from '../../config';
import { parseEnvironment, type Environment } from '../../config/environment';
import { dev } from '../../config/dev';
import { at, resources, synthesis, synthesize, type Synthesis } from './synthesis';

const TOKENS = { issuer: 'https://login.example.com/', audience: 'moraine-analytics', usersScope: 'read:analytics' };
const CLIENTS = [
  { name: 'reports', rateLimit: 5, burstLimit: 10, quotaPerDay: 1000 },
  { name: 'shop.web', rateLimit: 2, burstLimit: 4 },
];

const done = new Map<string, Synthesis>();
/** Dev with other settings of its API, checked as `config/dev.ts` is. */
function withApi(api: object): Synthesis {
  const key = JSON.stringify(api);
  const one = done.get(key) ?? synthesize('dev', parseEnvironment('config/dev.ts', { ...dev, api }));
  done.set(key, one);
  return one;
}
const of = (one: Synthesis, stack: string) => Template.fromJSON(one.templates[stack]);
const outputs = (one: Synthesis, stack: string) => Object.keys(one.templates[stack].Outputs ?? {});

/** The methods of APIs whose stage is not the token API's, and those of the token API. */
function methods(one: Synthesis) {
  const all = Object.entries(of(one, 'Serving').findResources('AWS::ApiGateway::Method'));
  const [iam, token] = [/^AnalyticsApi(?!Tokens)/, /^AnalyticsApiTokens/].map((name) =>
    all.filter(([id]) => name.test(id)).map(([, method]) => at(method, 'Properties') as Record<string, unknown>),
  );
  return { iam, token };
}

describe('WebFirewall', () => {
  test.each([
    ['Serving', 'analytics'],
    ['Ingestion', 'collector'],
  ])('stands before the API of %s, with a limit for each address and the rules of AWS', (stack, name) => {
    const template = of(synthesis('prod'), stack);
    template.resourceCountIs('AWS::WAFv2::WebACL', 1);
    template.hasResourceProperties('AWS::WAFv2::WebACL', {
      Scope: 'REGIONAL',
      DefaultAction: { Allow: {} },
      Rules: [
        Match.objectLike({
          Action: { Block: {} },
          Statement: { RateBasedStatement: { AggregateKeyType: 'IP', EvaluationWindowSec: 300, Limit: 15_000 } },
        }),
        ...['AmazonIpReputationList', 'KnownBadInputsRuleSet', 'CommonRuleSet'].map((group) =>
          Match.objectLike({
            OverrideAction: { None: {} },
            Statement: { ManagedRuleGroupStatement: Match.objectLike({ Name: `AWSManagedRules${group}` }) },
          }),
        ),
      ],
      VisibilityConfig: Match.objectLike({ MetricName: `moraine-prod-${name}` }),
    });
    const [acl] = Object.keys(template.findResources('AWS::WAFv2::WebACL'));
    const [stage] = Object.keys(template.findResources('AWS::ApiGateway::Stage'));
    template.hasResourceProperties('AWS::WAFv2::WebACLAssociation', {
      WebACLArn: { 'Fn::GetAtt': [acl, 'Arn'] },
      ResourceArn: { 'Fn::Join': ['', Match.arrayWith(['/stages/', { Ref: stage }])] },
    });
  });

  test('large bodies reach the collector, and are counted; the analytics API takes none', () => {
    const overrides = (stack: string) => {
      const [acl] = Object.values(of(synthesis('prod'), stack).findResources('AWS::WAFv2::WebACL'));
      return (at(acl, 'Properties', 'Rules') as unknown[]).map((rule) =>
        at(rule, 'Statement', 'ManagedRuleGroupStatement', 'RuleActionOverrides'),
      );
    };
    expect(overrides('Ingestion')).toEqual([
      undefined,
      undefined,
      undefined,
      [{ Name: 'SizeRestrictions_BODY', ActionToUse: { Count: {} } }],
    ]);
    expect(overrides('Serving')).toEqual([undefined, undefined, undefined, undefined]);
  });

  test('logs what it blocks, encrypted, in a group with the prefix that WAF asks for', () => {
    const template = of(synthesis('prod'), 'Serving');
    template.hasResourceProperties('AWS::Logs::LogGroup', {
      LogGroupName: 'aws-waf-logs-moraine-prod-analytics',
      KmsKeyId: Match.anyValue(),
      RetentionInDays: 365,
    });
    const [group] = Object.keys(
      template.findResources('AWS::Logs::LogGroup', {
        Properties: { LogGroupName: 'aws-waf-logs-moraine-prod-analytics' },
      }),
    );
    template.hasResourceProperties('AWS::WAFv2::LoggingConfiguration', {
      LogDestinationConfigs: [{ 'Fn::Join': ['', Match.arrayWith([':log-group:', { Ref: group }])] }],
      LoggingFilter: { DefaultBehavior: 'DROP', Filters: [Match.objectLike({ Behavior: 'KEEP' })] },
    });
  });

  test('keeps secrets out of its log and its samples', () => {
    const hidden = (field: object) => Match.objectLike({ Action: 'SUBSTITUTION', Field: field });
    of(synthesis('prod'), 'Serving').hasResourceProperties('AWS::WAFv2::WebACL', {
      DataProtectionConfig: {
        DataProtections: [
          hidden({
            FieldType: 'SINGLE_HEADER',
            FieldKeys: ['authorization', 'x-api-key', 'x-write-key', 'x-amz-security-token'],
          }),
          hidden({ FieldType: 'QUERY_STRING' }),
          hidden({ FieldType: 'BODY' }),
        ],
      },
    });
  });

  test.each(['local', 'dev', 'staging', 'prod'])('%s has it', (environment) => {
    const types = resources(synthesis(environment)).map(({ resource }) => resource.Type);
    expect(types.filter((type) => type === 'AWS::WAFv2::WebACLAssociation')).toHaveLength(2);
  });

  test('firewall: false leaves it out, and the rules know why', () => {
    const one = withApi({ firewall: false, tokens: TOKENS });
    expect(resources(one).filter(({ resource }) => resource.Type.startsWith('AWS::WAFv2'))).toEqual([]);
    expect(new AwsSolutionsChecks().validateScope(one.app).violations).toEqual([]);
  });
});

describe('clients', () => {
  test('with none, IAM alone says who may call, and no key is asked for', () => {
    const one = synthesis('dev');
    of(one, 'Serving').resourceCountIs('AWS::ApiGateway::ApiKey', 0);
    expect(methods(one).iam.map((method) => [method.AuthorizationType, method.ApiKeyRequired])).toEqual([
      ['AWS_IAM', undefined],
    ]);
    expect(outputs(one, 'Serving')).not.toContain('ApiKeyIds');
  });

  test('each has a key, and a usage plan with its limits; methods ask for the key beside IAM', () => {
    const one = withApi({ clients: CLIENTS });
    const template = of(one, 'Serving');
    template.resourceCountIs('AWS::ApiGateway::ApiKey', 2);
    const [stage] = Object.keys(template.findResources('AWS::ApiGateway::Stage'));
    template.hasResourceProperties('AWS::ApiGateway::UsagePlan', {
      Description: 'Moraine dev: reports',
      ApiStages: [Match.objectLike({ Stage: { Ref: stage } })],
      Throttle: { RateLimit: 5, BurstLimit: 10 },
      Quota: { Limit: 1000, Period: 'DAY' },
    });
    template.hasResourceProperties('AWS::ApiGateway::UsagePlan', {
      Description: 'Moraine dev: shop.web',
      Throttle: { RateLimit: 2, BurstLimit: 4 },
      Quota: Match.absent(),
    });
    const keys = Object.keys(template.findResources('AWS::ApiGateway::ApiKey'));
    const plans = Object.keys(template.findResources('AWS::ApiGateway::UsagePlan'));
    const pairs = Object.values(template.findResources('AWS::ApiGateway::UsagePlanKey')).map(({ Properties }) => [
      at(Properties, 'KeyId', 'Ref'),
      at(Properties, 'UsagePlanId', 'Ref'),
    ]);
    expect(pairs).toEqual(keys.map((key, index) => [key, plans[index]]));
    expect(methods(one).iam.map((method) => [method.AuthorizationType, method.ApiKeyRequired])).toEqual([
      ['AWS_IAM', true],
    ]);
    template.hasResourceProperties('AWS::ApiGateway::RestApi', { ApiKeySourceType: 'HEADER' });
  });

  test('the key is no value of the template; its ID is an output', () => {
    const one = withApi({ clients: CLIENTS });
    const keys = of(one, 'Serving').findResources('AWS::ApiGateway::ApiKey');
    expect(Object.values(keys).map((key) => at(key, 'Properties', 'Value'))).toEqual([undefined, undefined]);
    const ids = Object.keys(keys).map((Ref) => ({ Ref }));
    expect(one.templates.Serving.Outputs?.ApiKeyIds.Value).toEqual({
      'Fn::Join': ['', ['reports=', ids[0], ' shop.web=', ids[1]]],
    });
  });
});

describe('TokenApi', () => {
  test('without api.tokens there is none', () => {
    const one = synthesis('dev');
    of(one, 'Serving').resourceCountIs('AWS::ApiGateway::RestApi', 1);
    of(one, 'Serving').resourceCountIs('AWS::ApiGateway::Authorizer', 0);
    expect(outputs(one, 'Serving')).not.toContain('AnalyticsTokenApiUrl');
  });

  test('is a second API over the same handler; the first stays as it is', () => {
    const one = withApi({ tokens: TOKENS });
    const { iam, token } = methods(one);
    expect(iam.map((method) => method.AuthorizationType)).toEqual(['AWS_IAM']);
    expect(token.map((method) => method.AuthorizationType)).toEqual(['CUSTOM']);
    expect(token[0].Integration).toEqual(iam[0].Integration);
    expect(outputs(one, 'Serving')).toEqual(expect.arrayContaining(['AnalyticsApiUrl', 'AnalyticsTokenApiUrl']));
    const without = Object.keys(synthesis('dev').templates.Serving.Resources).filter((id) => !/Deployment/.test(id));
    expect(Object.keys(one.templates.Serving.Resources)).toEqual(expect.arrayContaining(without));
  });

  test('API Gateway remembers a token for five minutes, and refuses what is none by itself', () => {
    of(withApi({ tokens: TOKENS }), 'Serving').hasResourceProperties('AWS::ApiGateway::Authorizer', {
      Type: 'TOKEN',
      IdentitySource: 'method.request.header.Authorization',
      AuthorizerResultTtlInSeconds: 300,
      IdentityValidationExpression: Match.stringLikeRegexp('earer'),
    });
    const [authorizer] = Object.values(
      of(withApi({ tokens: TOKENS }), 'Serving').findResources('AWS::ApiGateway::Authorizer'),
    );
    const token = new RegExp(at(authorizer, 'Properties', 'IdentityValidationExpression') as string);
    expect(['Bearer aA-_1.b.c', 'bearer a.b.'].filter((header) => !token.test(header))).toEqual([]);
    expect(['aaa.b.c', 'Bearer abc', 'Basic a.b.c', 'Bearer a.b.c d'].filter((header) => token.test(header))).toEqual(
      [],
    );
  });

  test('the authorizer knows the issuer, is in no VPC, and refusing a token rings no alarm', () => {
    const template = of(withApi({ tokens: TOKENS }), 'Serving');
    const authorizer = { Description: 'lambdas/authorize-token' };
    template.hasResourceProperties('AWS::Lambda::Function', {
      ...authorizer,
      Timeout: 10,
      VpcConfig: Match.absent(),
      Environment: {
        Variables: {
          ISSUER: 'https://login.example.com/',
          AUDIENCE: 'moraine-analytics',
          JWKS_URI: 'https://login.example.com/.well-known/jwks.json',
          SCOPE: 'read:analytics',
          CLIENT_KEYS: '{}',
        },
      },
    });
    const [id] = Object.keys(template.findResources('AWS::Lambda::Function', { Properties: authorizer }));
    const alarms = Object.values(template.findResources('AWS::CloudWatch::Alarm')).map((alarm) =>
      JSON.stringify(at(alarm, 'Properties', 'Dimensions')),
    );
    expect(alarms.filter((dimensions) => dimensions.includes(id))).toEqual([]);
    expect(alarms.filter((dimensions) => dimensions.includes('moraine-dev-analytics-tokens'))).toHaveLength(1);
  });

  test('jwksUri says where the keys are', () => {
    const tokens = { ...TOKENS, jwksUri: 'https://login.example.com/oauth2/keys' };
    of(withApi({ tokens }), 'Serving').hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: Match.objectLike({ JWKS_URI: 'https://login.example.com/oauth2/keys' }) },
    });
  });

  test('with clients, API Gateway counts under the key that the authorizer gives, which opens no other API', () => {
    const one = withApi({ tokens: TOKENS, clients: CLIENTS });
    const template = of(one, 'Serving');
    template.hasResourceProperties('AWS::ApiGateway::RestApi', { ApiKeySourceType: 'AUTHORIZER' });
    expect(methods(one).token.map((method) => method.ApiKeyRequired)).toEqual([true]);

    const [authorizer] = Object.values(
      template.findResources('AWS::Lambda::Function', { Properties: { Description: 'lambdas/authorize-token' } }),
    );
    const told = JSON.parse(
      at(authorizer, 'Properties', 'Environment', 'Variables', 'CLIENT_KEYS') as string,
    ) as Record<string, string>;
    expect(Object.keys(told)).toEqual(['reports', 'shop.web']);
    const keys = Object.entries(template.findResources('AWS::ApiGateway::ApiKey'));
    const given = keys.filter(([, key]) => at(key, 'Properties', 'Value') !== undefined);
    expect(given.map(([, key]) => at(key, 'Properties', 'Value'))).toEqual(Object.values(told));
    for (const value of Object.values(told)) expect(value).toMatch(/^[a-z0-9]{20,128}$/);

    const plans = template.findResources('AWS::ApiGateway::UsagePlan');
    const apis = Object.values(template.findResources('AWS::ApiGateway::UsagePlanKey')).map(({ Properties }) => {
      const plan = plans[at(Properties, 'UsagePlanId', 'Ref') as string];
      const stages = at(plan, 'Properties', 'ApiStages') as unknown[];
      expect(stages).toHaveLength(1);
      return [
        given.some(([id]) => id === at(Properties, 'KeyId', 'Ref')),
        /Tokens/.test(at(stages[0], 'ApiId', 'Ref') as string),
      ];
    });
    expect(apis).toEqual([
      [false, false],
      [false, false],
      [true, true],
      [true, true],
    ]);
  });

  test('keys of two environments of an account differ', () => {
    const values = ['dev', 'prod'].map((name) => {
      const environment: Environment = parseEnvironment(`config/${name}.ts`, {
        ...environmentOf(name),
        api: { ...environmentOf(name).api, tokens: TOKENS, clients: CLIENTS },
      });
      return JSON.stringify(synthesize(name, environment).templates.Serving).match(/"Value":"[0-9a-f]{64}"/)?.[0];
    });
    expect(values[0]).toBeDefined();
    expect(values[0]).not.toBe(values[1]);
  });

  test('one firewall stands before both APIs, and the rules find nothing', () => {
    const one = withApi({ tokens: TOKENS, clients: CLIENTS });
    of(one, 'Serving').resourceCountIs('AWS::WAFv2::WebACL', 1);
    of(one, 'Serving').resourceCountIs('AWS::WAFv2::WebACLAssociation', 2);
    expect(new AwsSolutionsChecks().validateScope(one.app).violations).toEqual([]);
  });
});

test('each API has an alarm of its own: metrics are told apart by names', () => {
  const names = ['dev', 'prod'].flatMap((name) =>
    resources(synthesis(name))
      .filter(({ resource }) => at(resource.Properties, 'MetricName') === '5XXError')
      .map(({ resource }) => at(resource.Properties, 'Dimensions', 0, 'Value')),
  );
  expect(names.sort()).toEqual([
    'moraine-dev-analytics',
    'moraine-dev-collector',
    'moraine-prod-analytics',
    'moraine-prod-collector',
  ]);
});

describe('access log', () => {
  const formats = [withApi({ tokens: TOKENS }), synthesis('prod')].flatMap((one) =>
    resources(one)
      .filter(({ resource }) => resource.Type === 'AWS::ApiGateway::Stage')
      .map(({ resource }) => at(resource.Properties, 'AccessLogSetting', 'Format') as string),
  );

  test('tells who called what, and how it ended', () => {
    expect(formats).toHaveLength(5);
    for (const format of formats) {
      const fields = JSON.parse(format) as Record<string, string>;
      expect(fields).toMatchObject({
        requestId: '$context.requestId',
        client: '$context.authorizer.client',
        principal: '$context.authorizer.principalId',
        userArn: '$context.identity.userArn',
        apiKeyId: '$context.identity.apiKeyId',
        path: '$context.path',
        status: '$context.status',
        latency: '$context.responseLatency',
        waf: '$context.wafResponseCode',
      });
    }
  });

  test('holds no key, no query, no header', () => {
    for (const format of formats) expect(format).not.toMatch(/identity\.apiKey(?!Id)|querystring|header|userAgent/i);
  });

  test('the log of a run has no bodies either', () => {
    for (const { resource } of resources(withApi({ tokens: TOKENS }))) {
      if (resource.Type !== 'AWS::ApiGateway::Stage') continue;
      expect(at(resource.Properties, 'MethodSettings', 0)).toMatchObject({
        LoggingLevel: 'ERROR',
        DataTraceEnabled: false,
      });
    }
  });
});

describe('Account', () => {
  const types = (one: Synthesis) =>
    resources(one).filter(({ resource }) => resource.Type === 'AWS::ApiGateway::Account');

  test.each(['local', 'dev'])('%s sets the role of API Gateway, before the APIs, and never takes it away', (name) => {
    const one = synthesis(name);
    expect(types(one).map(({ stack }) => stack)).toEqual(['Account']);
    for (const type of ['AWS::ApiGateway::Account', 'AWS::IAM::Role']) {
      of(one, 'Account').allResources(type, { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
    }
    const dependents = one.assembly.stacks
      .filter((stack) => stack.dependencies.some((other) => other.manifest.displayName?.endsWith('/Account')))
      .map((stack) => stack.stackName);
    expect(dependents).toEqual(expect.arrayContaining([`moraine-${name}-ingestion`, `moraine-${name}-serving`]));
  });

  test.each(['staging', 'prod'])('%s leaves the account alone, and says what must be there', (name) => {
    const one = synthesis(name);
    expect(types(one)).toEqual([]);
    expect(Object.keys(one.templates)).not.toContain('Account');
    const said = one.assembly.stacks
      .flatMap((stack) => stack.messages)
      .map((message) => JSON.stringify(message.entry.data));
    expect(said.join()).toContain(`If there is none, say accountSettings: true in config/${name}.ts.`);
  });
});

describe('config', () => {
  const parse = (api: object) => () => parseEnvironment('config/dev.ts', { ...dev, api });
  const client = { name: 'reports', rateLimit: 5, burstLimit: 10 };

  test('the defaults are the safe ones', () => {
    expect(parseEnvironment('config/dev.ts', { ...dev, api: undefined, accountSettings: undefined })).toMatchObject({
      accountSettings: false,
      api: { rateLimit: 20, burstLimit: 40, firewall: true, requestsPerFiveMinutesPerAddress: 3000, clients: [] },
    });
  });

  test.each([
    [{ requestsPerFiveMinutesPerAddress: 5 }, 'api.requestsPerFiveMinutesPerAddress is 5: '],
    [{ clients: [client, client] }, 'api.clients.1.name is "reports": each name once'],
    [{ clients: [{ ...client, name: 'a b' }] }, 'api.clients.0.name is "a b": letters, digits'],
    [{ clients: [{ ...client, rateLimit: 21 }] }, 'api.clients.0.rateLimit is 21: at most api.rateLimit, 20'],
    [{ clients: [{ ...client, burstLimit: 41 }] }, 'api.clients.0.burstLimit is 41: at most api.burstLimit, 40'],
    [{ clients: [{ ...client, quotaPerDay: 0 }] }, 'api.clients.0.quotaPerDay is 0: '],
    [{ tokens: { ...TOKENS, issuer: 'http://a.example' } }, 'api.tokens.issuer is "http://a.example": an https URL'],
    [{ tokens: { ...TOKENS, audience: '' } }, 'api.tokens.audience is "": '],
    [{ tokens: { ...TOKENS, jwksUri: 'keys' } }, 'api.tokens.jwksUri is "keys": an https URL'],
    [{ tokens: { ...TOKENS, usersScope: 'a b' } }, 'api.tokens.usersScope is "a b": one scope'],
  ])('%j is refused', (api, message) => {
    expect(parse(api)).toThrow(`config/dev.ts: ${message}`);
    expect(parse(api)).toThrow(/Change it in config\/dev\.ts\.$/);
  });
});
