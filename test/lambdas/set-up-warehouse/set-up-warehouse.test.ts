import { RedshiftServerlessClient, type UsageLimit } from '@aws-sdk/client-redshift-serverless';
import { makeHandler } from '../../../lambdas/set-up-warehouse';
import { statements } from '../../../lambdas/set-up-warehouse/statements';
import { fake, noSleep } from '../fakes';
import { fakeRedshift } from '../fake-redshift';

beforeEach(() => jest.spyOn(console, 'log').mockImplementation(() => undefined));

const env = {
  WORKGROUP: 'moraine-dev',
  WORKGROUP_ARN: 'arn:workgroup',
  NAMESPACE: 'moraine-dev',
  DATABASE: 'warehouse',
  USAGE_LIMIT: '{"rpuHours":16,"action":"deactivate"}',
  SPECTRUM_ROLE_ARN: 'arn:aws:iam::1:role/lake',
  SILVER_DATABASE: 'dev_silver',
  DBT_ROLE: 'Dbt-Role',
  PUBLISH_ROLE: 'Publish-Role',
};
const create = { RequestType: 'Create', ResourceProperties: { ServiceToken: 'x' } };

/** Redshift Serverless's own API, with limits one a page. */
function fakeServerless(limits: UsageLimit[] = [], secret: string | undefined = 'secret') {
  return fake(new RedshiftServerlessClient({ region: 'us-east-1' }), {
    GetNamespace: () => ({ namespace: { adminPasswordSecretArn: secret } }),
    ListUsageLimits: ({ nextToken }: { nextToken?: string }) => {
      const at = Number(nextToken ?? 0);
      return {
        usageLimits: limits.slice(at, at + 1),
        nextToken: at + 1 < limits.length ? String(at + 1) : undefined,
      };
    },
    CreateUsageLimit: (input: UsageLimit) => limits.push({ ...input, usageLimitId: `limit-${limits.length}` }),
    UpdateUsageLimit: (input: UsageLimit) =>
      Object.assign(limits.find((limit) => limit.usageLimitId === input.usageLimitId) ?? {}, input),
  });
}

it('reads, in order', () => {
  const surroundings = { silverDatabase: "o'silver", spectrumRoleArn: 'arn', dbtRole: 'Dbt', publishRole: 'Pub' };
  expect(statements(surroundings).map((s) => s.sql)).toEqual([
    "create external schema if not exists silver from data catalog database 'o''silver' iam_role 'arn'",
    'create schema if not exists staging',
    'create schema if not exists gold',
    'create user "IAMR:Dbt" password disable',
    'create user "IAMR:Pub" password disable',
    'grant usage on schema silver to "IAMR:Dbt"',
    'grant usage, create on schema staging to "IAMR:Dbt"',
    'grant usage, create on schema gold to "IAMR:Dbt"',
    'grant usage on schema gold to "IAMR:Pub"',
    'grant select on all tables in schema gold to "IAMR:Pub"',
    'alter default privileges for user "IAMR:Dbt" in schema gold grant select on tables to "IAMR:Pub"',
  ]);
});

it('runs all statements as the administrator, and again when users are there', async () => {
  const users = new Set<string>();
  const redshift = fakeRedshift((sql) => {
    if (!sql.startsWith('create user')) return [];
    if (users.has(sql)) return new Error('user "IAMR:Dbt-Role" already exists');
    users.add(sql);
    return [];
  });
  const handler = makeHandler({ env, redshift, serverless: fakeServerless(), sleep: noSleep });
  const answer = { PhysicalResourceId: 'moraine-dev-set-up', Data: { Statements: '11' } };
  await expect(handler(create)).resolves.toEqual(answer);
  await expect(handler({ ...create, RequestType: 'Update' })).resolves.toEqual(answer);
  const executed = redshift.sent.filter((sent) => sent.name === 'ExecuteStatement');
  expect(executed).toHaveLength(22);
  expect(executed.every((sent) => sent.input.SecretArn === 'secret')).toBe(true);
});

it('fails with the statement and Redshift’s message', async () => {
  const redshift = fakeRedshift((sql) => (sql.includes('external') ? new Error('role is not attached') : []));
  await expect(makeHandler({ env, redshift, serverless: fakeServerless(), sleep: noSleep })(create)).rejects.toThrow(
    /role is not attached in statement 0: create external schema/,
  );
});

it('does nothing on delete', async () => {
  const redshift = fakeRedshift(() => []);
  const event = { ...create, RequestType: 'Delete', PhysicalResourceId: 'p' };
  const serverless = fakeServerless();
  await expect(makeHandler({ env, redshift, serverless })(event)).resolves.toEqual({ PhysicalResourceId: 'p' });
  expect([...redshift.sent, ...serverless.sent]).toEqual([]);
});

describe('the usage limit', () => {
  const set = { resourceArn: 'arn:workgroup', usageType: 'serverless-compute' as const };
  const setUp = async (serverless: ReturnType<typeof fakeServerless>, more: Record<string, string> = {}) => {
    const redshift = fakeRedshift(() => []);
    await makeHandler({ env: { ...env, ...more }, redshift, serverless, sleep: noSleep })(create);
    return serverless.sent.map(({ name }) => name).filter((name) => /^(Create|Update)/.test(name));
  };

  it('is made once, and left alone while it is as wanted', async () => {
    const limits: UsageLimit[] = [];
    expect(await setUp(fakeServerless(limits))).toEqual(['CreateUsageLimit']);
    expect(await setUp(fakeServerless(limits))).toEqual([]);
    expect(limits).toEqual([
      { ...set, period: 'daily', amount: 16, breachAction: 'deactivate', usageLimitId: 'limit-0' },
    ]);
  });

  it('is changed, beside the limits of others', async () => {
    const limits: UsageLimit[] = [
      { ...set, period: 'monthly', amount: 100, usageLimitId: 'theirs' },
      { ...set, period: 'daily', amount: 16, breachAction: 'deactivate', usageLimitId: 'ours' },
    ];
    const changed = { USAGE_LIMIT: '{"rpuHours":32,"action":"log"}' };
    expect(await setUp(fakeServerless(limits), changed)).toEqual(['UpdateUsageLimit']);
    expect(limits.map(({ amount }) => amount)).toEqual([100, 32]);
    expect(limits[1].breachAction).toBe('log');
  });

  it('is raised before the first statement, which a workgroup beyond its limit would refuse', async () => {
    const limits: UsageLimit[] = [];
    const redshift = fakeRedshift(() => (limits.length === 0 ? new Error('over the limit') : []));
    const deps = { env, redshift, serverless: fakeServerless(limits), sleep: noSleep };
    await expect(makeHandler(deps)(create)).resolves.toBeDefined();
  });
});

it('says when nobody manages the password', async () => {
  const deps = { env, redshift: fakeRedshift(() => []), serverless: fakeServerless([], ''), sleep: noSleep };
  await expect(makeHandler(deps)(create)).rejects.toThrow('Namespace moraine-dev has no adminPasswordSecretArn');
});
