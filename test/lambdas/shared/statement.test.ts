import { runStatement, warehouseOf } from '../../../lambdas/shared/statement';
import { fake, noSleep } from '../fakes';
import { fakeRedshift } from '../fake-redshift';

const at = { workgroup: 'w', database: 'd', sleep: noSleep };

it('runs where the variables of a handler say', async () => {
  const client = fakeRedshift(() => []);
  const config = { WORKGROUP: 'w', DATABASE: 'd' };
  const deps = { redshift: client, sleep: noSleep };
  await runStatement(warehouseOf({ ...config, SECRET_ARN: 's' }, deps), 'select 1');
  await runStatement(warehouseOf(config, deps), 'select 1');
  const executed = client.sent.filter((sent) => sent.name === 'ExecuteStatement').map((sent) => sent.input);
  const common = { WorkgroupName: 'w', Database: 'd', Sql: 'select 1' };
  expect(executed).toEqual([{ ...common, SecretArn: 's' }, common]);
});

it('waits for the end and reads all pages', async () => {
  const rows = [1, 2, 3, 4, 5].map((n) => ({ n, text: `t${n}`, none: null, yes: true, half: 0.5 }));
  const client = fakeRedshift(() => rows);
  await expect(runStatement({ ...at, client, secretArn: 's' }, 'select :x', { x: '1' })).resolves.toEqual(rows);
  expect(client.sent.map((sent) => sent.name).join(' ')).toBe(
    'ExecuteStatement DescribeStatement DescribeStatement GetStatementResult GetStatementResult GetStatementResult',
  );
  expect(client.sent[0].input).toEqual({
    WorkgroupName: 'w',
    Database: 'd',
    SecretArn: 's',
    Sql: 'select :x',
    Parameters: [{ name: 'x', value: '1' }],
  });
});

it('asks for no result where there is none', async () => {
  const client = fakeRedshift(() => []);
  await expect(runStatement({ ...at, client }, 'create schema x')).resolves.toEqual([]);
  expect(client.sent.at(-1)?.name).toBe('DescribeStatement');
});

it('says what Redshift said, and of which statement', async () => {
  const client = fakeRedshift(() => new Error('relation "x" does not exist'));
  await expect(runStatement({ ...at, client }, 'select *\n  from x')).rejects.toThrow(
    'Redshift: ERROR: relation "x" does not exist in statement 0: select * from x',
  );
});

it('does not wait for ever', async () => {
  const client = fake(
    fakeRedshift(() => []),
    {
      ExecuteStatement: () => ({ Id: '7' }),
      DescribeStatement: () => ({ Status: 'STARTED' }),
    },
  );
  await expect(runStatement({ ...at, client, timeout: 60_000 }, 'select 1')).rejects.toThrow(
    'Redshift: statement 7 is still STARTED: select 1',
  );
  expect(client.sent.length).toBeLessThan(80);
});
