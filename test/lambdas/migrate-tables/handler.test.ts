import { makeHandler } from '../../../lambdas/migrate-tables';
import type { Contract } from '../../../lambdas/shared/contract';
import { awsError, column, contract, fake, platform } from '../fakes';
import { fakeLake } from '../fake-lake';

const DATABASES = ['dev_bronze', 'dev_silver', 'dev_quarantine'];
const event = (RequestType: string) => ({
  RequestType,
  ResourceProperties: { LakeBucket: 'lake', Environment: 'dev', TablesHash: 'x', ServiceToken: 'arn' },
});

beforeEach(() => jest.spyOn(console, 'log').mockImplementation(() => undefined));

function lakeWith(contracts: readonly Contract[], lake = fakeLake(DATABASES)) {
  return {
    lake,
    run: (type: string) => makeHandler({ ...lake, platform: () => platform({ contracts }) })(event(type)),
  };
}

it('creates all tables, and then finds nothing to do', async () => {
  const { lake, run } = lakeWith([contract()]);
  await expect(run('Create')).resolves.toEqual({
    PhysicalResourceId: 'dev-lake-tables',
    Data: { Created: '4', Changed: '0', Unchanged: '0' },
  });
  expect([...lake.tables.keys()].sort()).toEqual([
    'dev_bronze.orders',
    'dev_quarantine.reconciliation',
    'dev_quarantine.rejected',
    'dev_silver.orders',
  ]);
  expect(lake.tables.get('dev_silver.orders')).toMatchObject({
    location: 's3://lake/dev_silver/orders',
    'partition-specs': [{ fields: [{ 'source-id': 1, name: 'order_id_bucket', transform: 'bucket[16]' }] }],
    properties: { 'write.merge.mode': 'merge-on-read', 'moraine.key': 'order_id', 'moraine.contract-version': '1.0.0' },
  });
  const silver = lake.tables.get('dev_silver.orders')?.schemas[0].fields;
  expect(silver?.map((field) => field.name)).toContain('_is_deleted');
  expect(silver?.at(-1)?.type).toEqual({
    type: 'map',
    'key-id': 10,
    key: 'string',
    'value-id': 11,
    value: 'string',
    'value-required': false,
  });
  await expect(run('Update')).resolves.toMatchObject({ Data: { Created: '0', Changed: '0', Unchanged: '4' } });
});

it('changes what a newer contract changes, and rolls back to nothing', async () => {
  const { lake, run } = lakeWith([contract()]);
  await run('Create');
  const columns = [...contract().columns, column('country', { name: 'varchar', length: 2 })];
  const newer = lakeWith([contract({ version: '1.1.0', columns })], lake);
  await expect(newer.run('Update')).resolves.toMatchObject({ Data: { Created: '0', Changed: '2', Unchanged: '2' } });
  expect(lake.tables.get('dev_bronze.orders')?.schemas[1].fields.at(-1)).toMatchObject({ id: 13, name: 'country' });
  await expect(run('Update')).resolves.toMatchObject({ Data: { Created: '0', Changed: '0', Unchanged: '4' } });
});

it('touches nothing when one table is refused', async () => {
  const { lake, run } = lakeWith([contract()]);
  await run('Create');
  lake.glue.sent.length = 0;
  const other = contract({ dataset: 'items' });
  const narrower = contract({ version: '1.1.0', columns: contract().columns.slice(0, 3) });
  await expect(lakeWith([other, narrower], lake).run('Update')).rejects.toThrow(
    'dev_bronze.orders, dev_silver.orders: column updated_at is in the table and not in the contract; columns are never dropped: put it back',
  );
  expect(lake.glue.sent.every((sent) => sent.name === 'GetTable')).toBe(true);
});

it('deletes nothing', async () => {
  const { lake, run } = lakeWith([contract()]);
  await run('Delete');
  expect(lake.glue.sent).toEqual([]);
});

it('goes on when another deployment made a table or changed it in the meantime', async () => {
  const lake = fakeLake(DATABASES);
  const send = lake.glue.send.bind(lake.glue) as (command: { constructor: { name: string } }) => Promise<unknown>;
  const failOnce = new Map([
    ['CreateTableCommand', 'AlreadyExistsException'],
    ['UpdateTableCommand', 'ConcurrentModificationException'],
  ]);
  Object.assign(lake.glue, {
    send: async (command: { constructor: { name: string } }) => {
      const name = failOnce.get(command.constructor.name);
      failOnce.delete(command.constructor.name);
      const done = name === 'ConcurrentModificationException' ? undefined : await send(command);
      if (name) throw awsError(name);
      return done;
    },
  });
  await expect(lakeWith([contract()], lake).run('Create')).resolves.toMatchObject({ Data: { Created: '4' } });
  const newer = contract({ version: '1.1.0' });
  await expect(lakeWith([newer], lake).run('Update')).resolves.toMatchObject({ Data: { Changed: '2' } });
});

it('does not believe an update that changed nothing', async () => {
  const { lake, run } = lakeWith([contract()]);
  await run('Create');
  const deaf = { ...lake, glue: fake(lake.glue, {}) };
  const real = fakeLake(DATABASES);
  Object.assign(deaf.glue, {
    send: (command: { constructor: { name: string }; input: { DatabaseName: string; Name: string } }) => {
      if (command.constructor.name === 'UpdateTableCommand') return Promise.resolve({});
      const { DatabaseName, Name } = command.input;
      return Promise.resolve({
        Table: { Parameters: { metadata_location: `s3://lake/${DatabaseName}.${Name}.json` } },
      });
    },
  });
  expect(real.tables.size).toBe(0);
  await expect(lakeWith([contract({ version: '1.1.0' })], deaf).run('Update')).rejects.toThrow(
    'dev_bronze.orders: Glue took 6 changes, and the table still differs from its contract',
  );
});

it.each<[string, () => Promise<unknown>, string]>([
  [
    'a missing database',
    () => lakeWith([contract()], fakeLake([])).run('Create'),
    'Glue database dev_bronze does not exist; deploy the Foundation stack of dev first',
  ],
  [
    'wrong properties',
    () => makeHandler({ ...fakeLake(DATABASES), platform })({ RequestType: 'Create', ResourceProperties: {} }),
    'Custom resource properties: LakeBucket',
  ],
  [
    'a table of another format',
    () => {
      const lake = fakeLake(DATABASES);
      const glue = fake(lake.glue, { GetTable: () => ({ Table: { Parameters: {} } }) });
      return lakeWith([contract()], { ...lake, glue }).run('Create');
    },
    'dev_bronze.orders: its metadata_location is undefined',
  ],
])('says in one line: %s', async (_, run, message) => {
  await expect(run()).rejects.toThrow(message);
});
