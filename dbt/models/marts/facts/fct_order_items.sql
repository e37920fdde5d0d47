{{ config(dist='order_id', sort='order_id') }}

{#- Without its order an item has no day: it finds the product as it is now. -#}
{% set joins %}
    left join {{ ref('fct_orders') }} as orders
        on items.order_id = orders.order_id
    left join {{ versions_by_day(ref('dim_products'), 'product_id') }} as products
        on items.product_id = products.product_id
        and coalesce(orders.order_date, date '9999-12-31') >= products.first_day
        and (
            products.next_day is null
            or coalesce(orders.order_date, date '9999-12-31') < products.next_day
        )
{% endset %}
{% set looked_up = {
    'order_date': 'orders.order_date',
    'currency': 'orders.currency',
    'exchange_rate': 'orders.exchange_rate',
    'product_version_key': 'products.version_key',
} %}

with

{{ changed_or_stale('items', 'order_items', ref('stg_operations__order_items'), looked_up, joins) }},

found as (

    select
        {{ silver_columns('order_items', 'items') }},
        {{ looked_up_columns(looked_up) }}

    from items
    {{ joins | trim }}

),

final as (

    select
        found.*,
        found.order_date is not null as is_order_known,
        found.product_version_key is not null as is_product_known,
        cast(found.quantity * found.unit_price as numeric(22, 2)) as amount,
        cast(round(found.quantity * found.unit_price / found.exchange_rate, 2) as numeric(22, 2)) as amount_eur

    from found

)

select * from final
