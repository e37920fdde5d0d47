with

orders as (

    select * from {{ ref('stg_operations__orders') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

final as (

    select
        {{ contract_columns('orders', 'orders') }},
        customers.customer_id is not null as is_customer_known

    from orders
    left join customers
        on orders.customer_id = customers.customer_id

)

select * from final
