with

items as (

    select * from {{ latest('order_items') }}

),

orders as (

    select * from {{ latest('orders') }}
    where status in ('open', 'pending')

),

-- As it was named last, sold or not.
products as (

    select
        product_id,
        name,
        row_number() over (partition by product_id order by valid_from desc) as newest_first

    from {{ ref('dim_products') }}

),

summed as (

    select
        items.product_id,
        sum(case when orders.status = 'open' then 1 else 0 end) as open_items,
        sum(case when orders.status = 'open' then items.quantity else 0 end) as open_quantity,
        sum(case when orders.status = 'pending' then 1 else 0 end) as pending_items,
        sum(case when orders.status = 'pending' then items.quantity else 0 end) as pending_quantity

    from items
    inner join orders
        on items.order_id = orders.order_id
    group by items.product_id

),

final as (

    select
        summed.product_id,
        products.name as product_name,
        cast(summed.open_items as bigint) as open_items,
        cast(summed.open_quantity as bigint) as open_quantity,
        cast(summed.pending_items as bigint) as pending_items,
        cast(summed.pending_quantity as bigint) as pending_quantity,
        cast(summed.open_quantity + summed.pending_quantity as bigint) as quantity

    from summed
    left join products
        on summed.product_id = products.product_id
        and products.newest_first = 1

)

select * from final
