with

orders as (

    select * from {{ latest('orders') }}

),

final as (

    select
        status,
        customer_id,
        count(*) as orders

    from orders
    group by
        status,
        customer_id

)

select * from final
