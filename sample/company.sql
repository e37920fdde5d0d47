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
