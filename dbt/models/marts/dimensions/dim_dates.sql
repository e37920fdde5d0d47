{{ config(materialized='table', pre_hook=[]) }}

with

orders as (

    select
        min(order_date) as first_order,
        max(order_date) as last_order,
        min(delivery_date) as first_delivery,
        max(delivery_date) as last_delivery

    from {{ ref('stg_operations__orders') }}

),

spans as (

    select
        first_order as first_day,
        last_order as last_day
    from orders
    union all
    select
        first_delivery as first_day,
        last_delivery as last_day
    from orders
    union all
    select
        min(rate_date) as first_day,
        max(rate_date) as last_day
    from {{ ref('stg_exchange_rates__exchange_rates') }}
    union all
    select
        cast(min(occurred_at) at time zone 'UTC' as date) as first_day,
        cast(max(occurred_at) at time zone 'UTC' as date) as last_day
    from {{ ref('stg_web_events__web_events') }}

),

-- A mistyped year makes no million days: fct_orders' tests count what lies outside.
years as (

    select
        cast(date_trunc('year', greatest(min(first_day), date '1971-01-01')) as date) as first_year,
        cast(date_trunc('year', least(max(last_day), date '2199-12-31')) as date) as last_year

    from spans
    where first_day is not null
    having count(*) > 0

),

-- From the year before the first to the year after the last.
bounds as (

    select
        cast(date_trunc('year', first_year - 1) as date) as first_day,
        cast(date_trunc('year', last_year + 731) as date) - 1 as last_day

    from years

),

digits as (
    {% for digit in range(10) %}
        select {{ digit }} as digit
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

numbers as (

    select
        ones.digit
        + 10 * tens.digit
        + 100 * hundreds.digit
        + 1000 * thousands.digit
        + 10000 * rest.digit as days_later

    from digits as ones
    cross join digits as tens
    cross join digits as hundreds
    cross join digits as thousands
    cross join digits as rest

),

days as (

    select bounds.first_day + numbers.days_later as date_day

    from bounds
    cross join numbers
    where bounds.first_day + numbers.days_later <= bounds.last_day

),

-- A week is of the year that its Thursday is in (ISO 8601).
weeks as (

    select
        date_day,
        cast(date_trunc('week', date_day) as date) as week_start,
        cast(date_trunc('week', date_day) as date) + 3 as thursday

    from days

),

final as (

    select
        date_day,
        cast(extract(year from date_day) as integer) as year,
        cast(extract(quarter from date_day) as integer) as quarter,
        cast(extract(month from date_day) as integer) as month,
        cast(extract(day from date_day) as integer) as day_of_month,
        cast(extract(doy from date_day) as integer) as day_of_year,
        cast(date_trunc('month', date_day) as date) as month_start,
        week_start,
        cast(extract(year from thursday) as integer) as iso_year,
        cast(extract(week from date_day) as integer) as iso_week,
        date_day - week_start + 1 as weekday,
        case date_day - week_start
            when 0 then 'Monday'
            when 1 then 'Tuesday'
            when 2 then 'Wednesday'
            when 3 then 'Thursday'
            when 4 then 'Friday'
            when 5 then 'Saturday'
            else 'Sunday'
        end as weekday_name,
        date_day - week_start >= 5 as is_weekend

    from weeks

)

select * from final
