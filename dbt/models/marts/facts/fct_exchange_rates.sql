{{ config(materialized='table', dist='all') }}

with

rates as (

    select * from {{ ref('stg_exchange_rates__exchange_rates') }}

),

final as (

    select
        {{ silver_columns('exchange_rates') }}

    from rates

)

select * from final
