import type { Question } from '../local/company';

/** What the company asks of its API, and the same asked of its own database: the answers have to be equal. */

const ordersByDate = (status: string): Question => ({
  path: `/analytics/orders?status=${status}`,
  sql: `
    select delivery_date, status, count(*) as orders
    from orders where status = '${status}'
    group by 1, 2 order by 1`,
});

const topCustomers = (status: string, limit: number): Question => ({
  path: `/analytics/orders/customers?status=${status}&limit=${limit}`,
  sql: `
    select status, customer_id, count(*) as orders
    from orders where status = '${status}'
    group by 1, 2 order by 3 desc, 2 limit ${limit}`,
});

export const questions: readonly Question[] = [
  ordersByDate('open'),
  ordersByDate('delivered'),
  {
    path: '/analytics/orders/top?limit=3',
    sql: `
      select delivery_date, count(*) as open_orders
      from orders where status = 'open' and delivery_date is not null
      group by 1 order by 2 desc, 1 limit 3`,
  },
  {
    path: '/analytics/orders/product',
    sql: `
      select product_id, name as product_name,
        count(*) filter (where status = 'open') as open_items,
        coalesce(sum(quantity) filter (where status = 'open'), 0) as open_quantity,
        count(*) filter (where status = 'pending') as pending_items,
        coalesce(sum(quantity) filter (where status = 'pending'), 0) as pending_quantity,
        sum(quantity) as quantity
      from order_items join orders using (order_id) left join products using (product_id)
      where status in ('open', 'pending')
      group by 1, 2 order by 7 desc, 1 limit 1000`,
  },
  topCustomers('open', 3),
  topCustomers('delivered', 10),
  {
    path: '/analytics/web/sessions',
    sql: `
      select (started_at at time zone 'UTC')::date as session_date, count(*) as sessions,
        count(*) filter (where has_ordered) as sessions_with_order, sum(events)::bigint as events
      from sample.web_sessions group by 1 order by 1`,
  },
];
