import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from '../lambdas/shared/retry';
import type { Run } from './local-run';
import * as fork from './project-copy';
import * as running from './running-copy';

/**
 * Contracts change while the platform is in use: in a copy of the project, which is loaded, changed as a fork would
 * change it, and run again on the same state. docs/guides/schema-changes.md tells each of these changes.
 */

const ORDERS = 1000;

let copy: fork.ProjectCopy;
let run: Run | undefined;
const before = new Map<string, number>();

beforeAll(() => {
  copy = fork.copyProject();
});

afterAll(async () => {
  await run?.kill();
  fork.removeProject(copy);
});

/** Runs the copy until it serves the API, with all its rows reconciled. */
async function serve(): Promise<string> {
  run = fork.startRun(copy, '--orders', `${ORDERS}`, '--changes', '0');
  const lines = (await run.until(/Ctrl-C stops all/)).join('\n');
  expect(lines).toContain('source = silver = gold, row by row');
  return lines;
}

const query = <R extends object>(part: 'source' | 'warehouse', sql: string, values: unknown[] = []): Promise<R[]> =>
  running.query<R>(copy, part, sql, values);

/** Sends an event as a browser does, and writes it down as the sample does. */
async function sendEvent(id: string, page: string): Promise<void> {
  const event = { event_id: id, event_type: 'page_view', occurred_at: '2026-10-01T00:00:00Z', session_id: 's' };
  expect(await running.collect(copy, 'web_events', [{ ...event, page_url: page }])).toBe(202);
  await query(
    'source',
    `insert into sample.web_events (event_id, event_type, occurred_at, session_id, page_url, accepted)
     values ($1, 'page_view', '2026-10-01T00:00:00Z', 's', $2, true)`,
    [id, page],
  );
}

const endpointOf = (model: string, column: string, path: string, counted: string) => `models:
  - name: ${model}
    description: How many ${counted} there are of each ${column}.
    config:
      contract: { enforced: true }
      meta:
        endpoint: { path: ${path}, summary: '${counted} by ${column}', parameters: [], order: [${column}] }
    columns:
      - { name: ${column}, data_type: varchar(50), description: 'As the contract says.' }
      - { name: ${counted}, data_type: bigint, description: 'Number of ${counted}.' }
`;
const countOf = (dimension: string, column: string, counted: string) => `select
    cast(${column} as varchar(50)) as ${column},
    count(*) as ${counted}
from {{ ref('${dimension}') }}
where is_current
group by ${column}
`;
const aggregates = 'dbt/models/marts/aggregates';

test('loads under the first contracts, and has events under way', async () => {
  await serve();
  for (const [dataset, column] of [
    ['products', 'category'],
    ['web_events', 'page_url'],
    ['customers', 'email'],
  ]) {
    before.set(column, (await running.fieldIds(copy, dataset)).get(column) ?? -1);
  }
  await sendEvent('in-bronze', '/old/1');
  await sleep(3000); // Firehose's buffer here is a second
  await sendEvent('in-the-stream', '/old/2');
  await run?.kill();
}, 600_000);

test('takes the new contracts before the sources have changed: nothing is lost, old rows have no value', async () => {
  fork.editContract(copy, 'customers', '1.1.0', (columns) => {
    fork.add('segment', 'varchar(20)')(columns);
    fork.retype('name', 'varchar(300)')(columns);
  });
  fork.editContract(copy, 'products', '1.1.0', fork.rename('category', 'product_group'));
  fork.editContract(copy, 'order_items', '1.1.0', fork.retype('quantity', 'bigint'));
  fork.editContract(copy, 'orders', '1.1.0', fork.retype('amount', 'decimal(14,2)'));
  fork.editContract(copy, 'web_events', '1.1.0', (columns) => {
    fork.rename('page_url', 'page')(columns);
    fork.add('referrer', 'varchar(200)')(columns);
  });
  fork.generate(copy);
  fork.edit(copy, 'dbt/models/marts/dimensions/dim_products.yml', (text) =>
    text.replace('name: category', 'name: product_group'),
  );
  fork.edit(copy, 'dbt/models/marts/facts/fct_web_events.yml', (text) => text.replace('name: page_url', 'name: page'));
  fork.edit(copy, `${aggregates}/products_by_group.sql`, () => countOf('dim_products', 'product_group', 'products'));
  fork.edit(copy, `${aggregates}/products_by_group.yml`, () =>
    endpointOf('products_by_group', 'product_group', '/analytics/products/groups', 'products'),
  );
  fork.edit(copy, `${aggregates}/customers_by_segment.sql`, () => countOf('dim_customers', 'segment', 'customers'));
  fork.edit(copy, `${aggregates}/customers_by_segment.yml`, () =>
    endpointOf('customers_by_segment', 'segment', '/analytics/customers/segments', 'customers'),
  );

  const lines = await serve();
  // A rename, not a drop and an add: the files know the column by the same id.
  expect((await running.fieldIds(copy, 'products')).get('product_group')).toBe(before.get('category'));
  const events = await running.fieldIds(copy, 'web_events');
  expect([events.get('page'), events.has('page_url')]).toEqual([before.get('page_url'), false]);
  expect((await running.fieldIds(copy, 'customers')).get('email')).toBe(before.get('email'));
  const seen = await query(
    'warehouse',
    `select event_id, page, referrer from gold.fct_web_events where page like '/old/%' order by 1`,
  );
  expect(seen).toEqual([
    { event_id: 'in-bronze', page: '/old/1', referrer: null },
    { event_id: 'in-the-stream', page: '/old/2', referrer: null },
  ]);
  const [{ customers }] = await query<{ customers: string }>('source', 'select count(*) as customers from customers');
  expect(await running.ask(copy, '/analytics/customers/segments')).toEqual([
    { segment: null, customers: Number(customers) },
  ]);
  expect(await running.ask(copy, '/analytics/products/groups')).toEqual(await groups('category'));
  // A day of the sample has passed: the versions that it closed, and no others.
  const moved = Number(/(\d+) customers moved/.exec(lines)?.[1]);
  expect(await closedVersions('dim_customers')).toBeLessThanOrEqual(moved);
  expect(lines).not.toMatch(/quarantine +(customers|products|orders|order_items) /);
}, 600_000);

const groups = async (column: string) =>
  (
    await query<{ product_group: string; products: string }>(
      'source',
      `select ${column} as product_group, count(*) as products from products group by 1 order by 1`,
    )
  ).map((row) => ({ ...row, products: Number(row.products) }));

const closedVersions = async (dimension: string): Promise<number> =>
  Number(
    (await query<{ n: string }>('warehouse', `select count(*) as n from gold.${dimension} where not is_current`))[0].n,
  );

test('follows the sources: values beyond the old range, the new column for old rows, no false history', async () => {
  const closed = await closedVersions('dim_customers');
  await query(
    'source',
    `alter table customers add column segment text;
     update customers set segment = 'retail' where customer_id % 2 = 0;
     update customers set name = repeat('n', 250) where customer_id = 2;
     alter table products rename column category to product_group;
     alter table order_items alter column quantity type bigint;
     alter table orders alter column amount type numeric(14, 2);
     update order_items set quantity = 3000000000, unit_price = 33.33 where order_id = 7 and line_number = 1;
     update orders set amount = (select sum(quantity * unit_price) from order_items i where i.order_id = 7) where order_id = 7;
     alter table sample.web_events rename column page_url to page;
     alter table sample.web_events add column referrer text;
     alter table sample.web_events alter column referrer set default 'https://example.com';
     drop view sample.web_events_accepted`,
  );
  for (const file of ['sample/events.ts', 'sample/company.sql']) {
    fork.edit(copy, file, (text) => text.replaceAll('page_url', 'page').replaceAll(/, page$/gm, ', page, referrer'));
  }
  await run?.interrupt();

  const lines = await serve();
  expect(await running.ask(copy, '/analytics/customers/segments')).toEqual(
    (
      await query<{ segment: string | null; n: string }>(
        'source',
        'select segment, count(*) as n from customers group by 1 order by 1',
      )
    ).map(({ segment, n }) => ({ segment, customers: Number(n) })),
  );
  expect(await running.ask(copy, '/analytics/products/groups')).toEqual(await groups('product_group'));
  const [widest] = await query('warehouse', 'select max(quantity)::text as quantity from gold.fct_order_items');
  expect(widest).toEqual({ quantity: '3000000000' });
  expect(await query('warehouse', 'select amount::text from gold.fct_orders where order_id = 7')).toEqual(
    await query('source', 'select amount::text from orders where order_id = 7'),
  );
  const sent = await query('warehouse', `select distinct referrer from gold.fct_web_events order by 1`);
  expect(sent).toEqual([{ referrer: 'https://example.com' }, { referrer: null }]);
  // Half of the customers have a segment now; only those that also moved, or got another name, have a new version.
  const moved = Number(/(\d+) customers moved/.exec(lines)?.[1]);
  expect((await closedVersions('dim_customers')) - closed).toBeLessThanOrEqual(moved + 1);
  expect(lines).not.toMatch(/quarantine +(customers|products|orders|order_items) /);
  await run?.interrupt();
}, 600_000);

test('refuses what would destroy data, in words, and goes on as before', async () => {
  const good = new Map(
    ['orders', 'products', 'web_events'].map((d) => [d, readFileSync(join(copy.folder, `contracts/${d}.odcs.yaml`))]),
  );
  fork.editContract(copy, 'orders', '2.0.0', fork.retype('order_id', 'varchar(36)'));
  fork.editContract(copy, 'products', '2.0.0', (columns) =>
    columns.splice(
      columns.findIndex(({ name }) => name === 'price'),
      1,
    ),
  );
  fork.editContract(copy, 'web_events', '2.0.0', (columns) =>
    columns.push({ name: 'browser', physicalType: 'varchar(20)', required: true }),
  );
  const refused = await fork.startRun(copy, '--orders', `${ORDERS}`, '--exit').ended;
  for (const [dataset, text] of good) fork.edit(copy, `contracts/${dataset}.odcs.yaml`, () => text.toString());
  expect(refused.code).toBe(1);
  const told = refused.lines.find((line) => line.includes('cdk deploy failed')) ?? '';
  expect(told).toContain(
    'local_bronze.orders, local_silver.orders: column order_id is long in the table and string in the contract',
  );
  expect(told).toContain('describe the data as a new dataset');
  expect(told).toContain(
    'local_bronze.products, local_silver.products: column price is in the table and not in the contract',
  );
  expect(told).toContain('local_bronze.web_events, local_silver.web_events: column browser is new and required');
}, 600_000);

test('takes an older contract back, and takes nothing from the tables', async () => {
  const original = readFileSync(join(__dirname, '..', 'contracts/customers.odcs.yaml'), 'utf8');
  fork.edit(copy, 'contracts/customers.odcs.yaml', () => original);
  fork.generate(copy);
  for (const kind of ['sql', 'yml']) rmSync(join(copy.folder, `${aggregates}/customers_by_segment.${kind}`));

  await serve();
  expect((await running.fieldIds(copy, 'customers')).has('segment')).toBe(true);
  const segments = 'select segment, count(*)::int as n from';
  const [inSource, inSilver, inGold] = [
    await query('source', `${segments} customers where segment is not null group by 1`),
    await query('warehouse', `${segments} silver.customers where segment is not null and not _is_deleted group by 1`),
    await query('warehouse', `${segments} gold.dim_customers where segment is not null and is_current group by 1`),
  ];
  expect([inSilver, inGold]).toEqual([inSource, inSource]);
  // The name that is longer than the older contract allows: refused, kept as it was.
  expect(
    await query('warehouse', 'select length(name) as n from gold.dim_customers where customer_id = 2 and is_current'),
  ).toEqual([{ n: 250 }]);
  await run?.interrupt();
}, 600_000);
