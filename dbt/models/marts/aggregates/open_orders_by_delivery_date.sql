with

orders as (

    select * from {{ latest('orders') }}
    where status = 'open'

),

final as (

    select
        delivery_date,
        count(*) as open_orders

    from orders
    where delivery_date is not null
    group by delivery_date

)

select * from final
