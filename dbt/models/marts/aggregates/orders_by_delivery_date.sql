with

orders as (

    select * from {{ latest('orders') }}

),

counted as (

    select
        delivery_date,
        status,
        count(*) as orders

    from orders
    group by
        delivery_date,
        status

),

final as (

    select
        delivery_date,
        status,
        orders

    from counted

)

select * from final
