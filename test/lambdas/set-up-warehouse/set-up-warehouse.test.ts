import { makeHandler } from '../../../lambdas/set-up-warehouse';
import { statements } from '../../../lambdas/set-up-warehouse/statements';
import { noSleep } from '../fakes';
import { fakeRedshift } from '../fake-redshift';

beforeEach(() => jest.spyOn(console, 'log').mockImplementation(() => undefined));

const env = {
  WORKGROUP: 'moraine-dev',
  DATABASE: 'warehouse',
  SECRET_ARN: 'secret',
  SPECTRUM_ROLE_ARN: 'arn:aws:iam::1:role/lake',
  SILVER_DATABASE: 'dev_silver',
  DBT_ROLE: 'Dbt-Role',
  PUBLISH_ROLE: 'Publish-Role',
};
const create = { RequestType: 'Create', ResourceProperties: { ServiceToken: 'x' } };

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
  const handler = makeHandler({ env, redshift, sleep: noSleep });
  const answer = { PhysicalResourceId: 'moraine-dev-set-up', Data: { Statements: '11' } };
  await expect(handler(create)).resolves.toEqual(answer);
  await expect(handler({ ...create, RequestType: 'Update' })).resolves.toEqual(answer);
  const executed = redshift.sent.filter((sent) => sent.name === 'ExecuteStatement');
  expect(executed).toHaveLength(22);
  expect(executed.every((sent) => sent.input.SecretArn === 'secret')).toBe(true);
});

it('fails with the statement and Redshift’s message', async () => {
  const redshift = fakeRedshift((sql) => (sql.includes('external') ? new Error('role is not attached') : []));
  await expect(makeHandler({ env, redshift, sleep: noSleep })(create)).rejects.toThrow(
    /role is not attached in statement 0: create external schema/,
  );
});

it('does nothing on delete', async () => {
  const redshift = fakeRedshift(() => []);
  const event = { ...create, RequestType: 'Delete', PhysicalResourceId: 'p' };
  await expect(makeHandler({ env, redshift })(event)).resolves.toEqual({ PhysicalResourceId: 'p' });
  expect(redshift.sent).toEqual([]);
});
