{{ config(materialized='table', dist='all') }}

with

rates as (

    select * from {{ ref('fct_exchange_rates') }}

),

first_days as (

    select
        currency,
        min(rate_date) as first_day

    from rates
    group by currency

),

days as (

    select
        dates.date_day,
        first_days.currency

    from first_days
    inner join {{ ref('dim_dates') }} as dates
        on first_days.first_day <= dates.date_day

),

-- A rate begins a run of days, which lasts until the next one.
runs as (

    select
        days.date_day,
        days.currency,
        rates.rate_date,
        rates.rate,
        count(rates.rate) over (
            partition by days.currency
            order by days.date_day rows unbounded preceding
        ) as run

    from days
    left join rates
        on days.date_day = rates.rate_date
        and days.currency = rates.currency

),

final as (

    select
        date_day,
        currency,
        max(rate_date) over (partition by currency, run) as rate_date,
        cast(max(rate) over (partition by currency, run) as numeric(18, 8)) as rate

    from runs

)

select * from final
