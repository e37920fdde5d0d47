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

const ORDERS = `
insert into orders
select i, 1 + sample.pick(i, 3, $3::bigint), date '2026-01-01' + sample.pick(i, 4, 300)::int,
  case when sample.pick(i, 5, 50) > 0 then date '2026-01-02' + (sample.pick(i, 4, 300) + sample.pick(i, 6, 14))::int end,
  ${STATUSES},
  (1 + sample.pick(i, 7, 100000000)) / 100.0,
  (array['EUR', 'EUR', 'EUR', 'USD', 'CHF', 'PLN'])[1 + sample.pick(i, 8, 6)],
  timestamptz '2026-01-01 00:00:00+00' + make_interval(secs => sample.pick(i, 9, 25920000000) / 1000.0)
from generate_series($1::bigint, $2::bigint) i
on conflict do nothing`;

const count = async (client: Client, sql: string): Promise<number> =>
  Number((await client.query<{ n: string }>(sql)).rows[0].n);

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
    await client.query(ORDERS, [have + 1, orders, customers]);
    line = `${orders.toLocaleString('en')} orders of ${customers.toLocaleString('en')} customers`;
  } else {
    line = await change(client, known + 1, have);
  }
  await client.query('delete from sample.state');
  await client.query('insert into sample.state values ($1)', [known + 1]);
  await client.query('commit');
  return line;
}

/** One day: 1 % of the orders move on, 0.5 % new ones come, 0.1 % are deleted, 0.5 % of the customers move. */
async function change(client: Client, day: number, have: number): Promise<string> {
  const now = `timestamptz '2026-11-01 00:00:00+00' + make_interval(days => ${day})`;
  const customers = await count(client, 'select count(*) as n from customers');
  const moved = await client.query(
    `update orders set status = case status when 'open' then 'pending' when 'pending' then 'shipped' else 'delivered' end,
       updated_at = ${now}
     where sample.pick(order_id, 1000 + ${day}, 100) = 0 and status in ('open', 'pending', 'shipped')`,
  );
  const gone = await client.query(`delete from orders where sample.pick(order_id, 2000 + ${day}, 1000) = 0`);
  const come = await client.query(ORDERS, [have + 1, have + Math.ceil(have / 200), customers]);
  const people = await client.query(
    `update customers set country = (array['DE', 'FR', 'NL'])[1 + sample.pick(customer_id, ${day}, 3)], updated_at = ${now}
     where sample.pick(customer_id, 3000 + ${day}, 200) = 0`,
  );
  return `day ${day}: ${come.rowCount} orders new, ${moved.rowCount} moved on, ${gone.rowCount} deleted; ${people.rowCount} customers moved`;
}
