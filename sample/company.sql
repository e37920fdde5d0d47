-- The operations database of ACME Delivery, as its own application would have made it.
create table if not exists customers (
  customer_id bigint primary key,
  name text not null,
  email text,
  country text not null,
  registered_on date not null,
  updated_at timestamptz not null
);

create table if not exists orders (
  order_id bigint primary key,
  customer_id bigint not null,
  order_date date not null,
  delivery_date date,
  status text not null,
  amount numeric(12, 2) not null,
  currency text not null,
  updated_at timestamptz not null
);

create table if not exists products (
  product_id bigint primary key,
  name text not null,
  category text not null,
  price numeric(12, 2) not null,
  is_sold boolean not null,
  updated_at timestamptz not null
);

create table if not exists order_items (
  order_id bigint not null,
  line_number integer not null,
  product_id bigint not null,
  quantity integer not null,
  unit_price numeric(12, 2) not null,
  primary key (order_id, line_number)
);

-- Not the company's: what it has sent to the event collector, what others tell by their APIs, and the day it has reached.
create schema if not exists sample;

create table if not exists sample.web_events (
  event_id text primary key,
  event_type text not null,
  occurred_at timestamptz not null,
  session_id text not null,
  customer_id bigint,
  order_id bigint,
  page_url text,
  accepted boolean not null default false
);

create or replace view sample.web_events_accepted as
select event_id, event_type, occurred_at, session_id, customer_id, order_id, page_url
from sample.web_events
where accepted;

-- The visits, computed from the events as SQL would: a pause of more than 30 minutes begins a new one.
create or replace view sample.web_sessions as
with pauses as (
  select *, coalesce(occurred_at - lag(occurred_at) over by_time > interval '30 minutes', true) as begins
  from sample.web_events
  where accepted
  window by_time as (partition by session_id order by occurred_at, event_id collate "C")
),
numbered as (
  select *, count(*) filter (where begins) over by_time as visit
  from pauses
  window by_time as (partition by session_id order by occurred_at, event_id collate "C")
),
ordered as (
  select *, row_number() over (partition by session_id, visit order by occurred_at, event_id collate "C") as place
  from numbered
)
select session_id, min(occurred_at) as started_at, max(occurred_at) as ended_at, count(*) as events,
  count(*) filter (where event_type = 'page_view') as page_views,
  count(*) filter (where event_type = 'search') as searches,
  count(*) filter (where event_type = 'add_to_basket') as baskets,
  (array_agg(page_url order by place) filter (where page_url is not null))[1] as first_page,
  (array_agg(page_url order by place desc) filter (where page_url is not null))[1] as last_page,
  (array_agg(customer_id order by place desc) filter (where customer_id is not null))[1] as customer_id,
  (array_agg(order_id order by place desc) filter (where event_type = 'order_placed' and order_id is not null))[1] as order_id,
  bool_or(event_type = 'order_placed') as has_ordered
from ordered
group by session_id, visit;

create table if not exists sample.courier_positions (
  courier_id bigint not null,
  recorded_at timestamptz not null,
  latitude numeric(9, 6) not null,
  longitude numeric(9, 6) not null,
  order_id bigint,
  sent boolean not null default false,
  primary key (courier_id, recorded_at)
);

create or replace view sample.courier_positions_sent as
select courier_id, recorded_at, latitude, longitude, order_id
from sample.courier_positions
where sent;

create table if not exists sample.exchange_rates (
  rate_date date not null,
  currency text not null,
  rate numeric(18, 8) not null,
  published_at timestamptz not null,
  primary key (rate_date, currency)
);

create table if not exists sample.state (day integer not null);

-- A number from 0 to n-1 that depends on nothing but its arguments: every run of every machine sees the same company.
create or replace function sample.pick(i bigint, salt bigint, n bigint) returns bigint
language sql immutable parallel safe
return (hashint8extended(i, salt) & 9223372036854775807) % n;

create or replace function sample.currency(order_id bigint) returns text
language sql immutable parallel safe
return (array['EUR', 'EUR', 'EUR', 'USD', 'CHF', 'PLN'])[1 + sample.pick(order_id, 8, 6)];
