{{ config(dist='order_id', sort='order_date') }}

{% set joins %}
    left join {{ versions_by_day(ref('dim_customers'), 'customer_id') }} as customers
        on orders.customer_id = customers.customer_id
        and orders.order_date >= customers.first_day
        and (customers.next_day is null or orders.order_date < customers.next_day)
    left join {{ ref('exchange_rates_by_day') }} as rates
        on orders.currency = rates.currency
        and orders.order_date = rates.date_day
{% endset %}
{% set looked_up = {
    'customer_version_key': 'customers.version_key',
    'exchange_rate': "cast(case when orders.currency = 'EUR' then 1 else nullif(rates.rate, 0) end as numeric(18, 8))",
} %}

with

{{ changed_or_stale('orders', 'orders', ref('stg_operations__orders'), looked_up, joins) }},

found as (

    select
        {{ silver_columns('orders', 'orders') }},
        {{ looked_up_columns(looked_up) }}

    from orders
    {{ joins | trim }}

),

final as (

    select
        found.*,
        found.customer_version_key is not null as is_customer_known,
        cast(round(found.amount / found.exchange_rate, 2) as numeric(22, 2)) as amount_eur

    from found

)

select * from final
