-- The aggregate adds up to the orders, planned or not, in every status.
with

orders as (

    select
        status,
        count(*) as orders
    from {{ ref('fct_orders') }}
    group by status

),

counted as (

    select
        status,
        sum(orders) as orders
    from {{ ref('orders_by_delivery_date') }}
    group by status

)

select
    orders.status,
    orders.orders,
    counted.orders as counted

from orders
full outer join counted
    on orders.status = counted.status
where
    orders.orders is null
    or counted.orders is null
    or orders.orders <> counted.orders
