import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from 'pg';

/** ACME Delivery: a seeded company whose rows and events are the same on every machine. */

const STATUSES = `case
    when sample.pick(i, 1, 365) < 5 then (array['open', 'open', 'open', 'pending'])[1 + sample.pick(i, 2, 4)]
    else (array['delivered', 'delivered', 'delivered', 'shipped', 'pending', 'open', 'cancelled'])[1 + sample.pick(i, 2, 7)]
  end`;

const CUSTOMERS = `
insert into customers
select i, 'Customer ' || i,
  case when sample.pick(i, 11, 10) > 0 then 'customer' || i || '@example.com' end,
  (array['DE', 'FR', 'NL', 'AT', 'CH', 'PL', 'US'])[1 + sample.pick(i, 12, 7)],
  date '2024-01-01' + sample.pick(i, 13, 700)::int,
  timestamptz '2026-01-01 00:00:00+00' + make_interval(secs => sample.pick(i, 14, 86400000) / 1000.0)
from generate_series($1::bigint, $2::bigint) i
on conflict do nothing`;

const PRODUCTS = `
insert into products
select i, (array['Red', 'Green', 'Blue', 'Small', 'Large'])[1 + sample.pick(i, 41, 5)] || ' '
    || (array['lamp', 'chair', 'table', 'plant', 'book', 'cup'])[1 + sample.pick(i, 42, 6)] || ' ' || i,
  (array['light', 'furniture', 'furniture', 'garden', 'paper', 'kitchen'])[1 + sample.pick(i, 42, 6)],
  (100 + sample.pick(i, 43, 50000)) / 100.0, sample.pick(i, 44, 20) > 0,
  timestamptz '2026-01-01 00:00:00+00' + make_interval(secs => sample.pick(i, 45, 86400000) / 1000.0)
from generate_series($1::bigint, $2::bigint) i
on conflict do nothing`;

const ITEMS = `
insert into order_items
select i, line, product_id, 1 + sample.pick(i * 8 + line, 33, 5),
  round(price * case sample.currency(i) when 'USD' then 1.1 when 'CHF' then 0.95 when 'PLN' then 4.3 else 1 end, 2)
from generate_series($1::bigint, $2::bigint) i
cross join lateral generate_series(1, 1 + sample.pick(i, 31, 3)::int) line
join products on product_id = 1 + sample.pick(i * 8 + line, 32, $3::bigint)
on conflict do nothing`;

const ORDERS = `
insert into orders
select i, 1 + sample.pick(i, 3, $3::bigint), date '2026-01-01' + sample.pick(i, 4, 300)::int,
  case when sample.pick(i, 5, 50) > 0 then date '2026-01-02' + (sample.pick(i, 4, 300) + sample.pick(i, 6, 14))::int end,
  ${STATUSES},
  amount,
  sample.currency(i),
  timestamptz '2026-01-01 00:00:00+00' + make_interval(secs => sample.pick(i, 9, 25920000000) / 1000.0)
from generate_series($1::bigint, $2::bigint) i
join (
  select order_id, sum(quantity * unit_price) as amount from order_items
  where order_id between $1::bigint and $2::bigint group by order_id
) items on order_id = i
on conflict do nothing`;

const count = async (client: Client, sql: string): Promise<number> =>
  Number((await client.query<{ n: string }>(sql)).rows[0].n);

/** A product for each hundred orders, and some at least. */
const products = (orders: number): number => Math.max(20, Math.ceil(orders / 100));

/** Orders with their items, from one number to another; an order's amount is the sum of its items. */
async function order(client: Client, from: number, to: number): Promise<number> {
  const known = async (table: string) => count(client, `select count(*) as n from ${table}`);
  await client.query(ITEMS, [from, to, await known('products')]);
  return (await client.query(ORDERS, [from, to, await known('customers')])).rowCount ?? 0;
}

/**
 * Makes the company, or lets it live one more day: orders come, move on and go, customers move.
 * @param orders how many orders there are to be at first
 * @returns what was done, in a line
 */
export async function liveOneDay(client: Client, orders: number): Promise<string> {
  await client.query(readFileSync(join(__dirname, 'company.sql'), 'utf8'));
  const customers = Math.max(1, Math.ceil(orders / 10));
  await client.query('begin');
  const known = await count(client, 'select coalesce(max(day), -1) as n from sample.state');
  const have = await count(client, 'select coalesce(max(order_id), 0) as n from orders');
  let line: string;
  if (known < 0 || have < orders) {
    await client.query(CUSTOMERS, [1, customers]);
    await client.query(PRODUCTS, [1, products(orders)]);
    await order(client, have + 1, orders);
    line = `${orders.toLocaleString('en')} orders of ${customers.toLocaleString('en')} customers`;
  } else {
    line = await change(client, known + 1, have);
  }
  await client.query('delete from sample.state');
  await client.query('insert into sample.state values ($1)', [known + 1]);
  await client.query('commit');
  return line;
}

/**
 * A moment of the running company, in one transaction: of `changes` rows most are orders that move on, the others grow,
 * come or go, and now and then a customer moves.
 * @returns how many rows changed
 */
export async function stir(client: Client, changes: number): Promise<number> {
  const part = (share: number): number => Math.max(1, Math.round(changes * share));
  const some = (table: string, key: string, n: number): string =>
    `(select ${key} from ${table} where ${key} in
       (select 1 + floor(random() * (select max(${key}) from ${table}))::bigint from generate_series(1, ${n})))`;
  await client.query('begin');
  const results = [
    await client.query(
      `update orders set updated_at = now(),
         status = case status when 'open' then 'pending' when 'pending' then 'shipped' else 'delivered' end
       where order_id in ${some('orders', 'order_id', part(0.7))}`,
    ),
    await client.query(
      `update order_items set quantity = 1 + quantity % 5
       where line_number = 1 and order_id in ${some('orders', 'order_id', part(0.1))}`,
    ),
    await client.query(
      `update customers set updated_at = now(), country = (array['DE', 'FR', 'NL'])[1 + floor(random() * 3)::int]
       where customer_id in ${some('customers', 'customer_id', part(0.02))}`,
    ),
    await client.query(
      `with gone as (delete from orders where order_id in ${some('orders', 'order_id', part(0.02))} returning order_id)
       delete from order_items where order_id in (select order_id from gone)`,
    ),
  ];
  const have = await count(client, 'select max(order_id) as n from orders');
  const come = await order(client, have + 1, have + part(0.05));
  await client.query('commit');
  return results.reduce((sum, { rowCount }) => sum + (rowCount ?? 0), come);
}

/**
 * One day: 1 % of the orders move on, 0.2 % of the open ones grow, 0.5 % new ones come, 0.1 % are deleted, 0.5 % of the
 * customers move, 2 % of the products get another price.
 */
async function change(client: Client, day: number, have: number): Promise<string> {
  const now = `timestamptz '2026-11-01 00:00:00+00' + make_interval(days => ${day})`;
  const moved = await client.query(
    `update orders set status = case status when 'open' then 'pending' when 'pending' then 'shipped' else 'delivered' end,
       updated_at = ${now}
     where sample.pick(order_id, 1000 + ${day}, 100) = 0 and status in ('open', 'pending', 'shipped')`,
  );
  const grown = await client.query(
    `with grown as (
       update order_items set quantity = quantity + 1
       where line_number = 1 and sample.pick(order_id, 4000 + ${day}, 500) = 0
         and order_id in (select order_id from orders where status = 'open')
       returning order_id, unit_price
     )
     update orders set amount = amount + unit_price, updated_at = ${now} from grown where grown.order_id = orders.order_id`,
  );
  const gone = await client.query(`delete from orders where sample.pick(order_id, 2000 + ${day}, 1000) = 0`);
  await client.query(`delete from order_items where sample.pick(order_id, 2000 + ${day}, 1000) = 0`);
  const come = await order(client, have + 1, have + Math.ceil(have / 200));
  const priced = await client.query(
    `update products set price = round(price * 1.05, 2), updated_at = ${now} where sample.pick(product_id, 5000 + ${day}, 50) = 0`,
  );
  const people = await client.query(
    `update customers set country = (array['DE', 'FR', 'NL'])[1 + sample.pick(customer_id, ${day}, 3)], updated_at = ${now}
     where sample.pick(customer_id, 3000 + ${day}, 200) = 0`,
  );
  return `day ${day}: ${come} orders new, ${(moved.rowCount ?? 0) + (grown.rowCount ?? 0)} moved on or grew, ${gone.rowCount} deleted; ${people.rowCount} customers moved; ${priced.rowCount} prices changed`;
}
