with

customers as (

    select * from {{ ref('stg_operations__customers') }}

),

final as (

    select
        {{ contract_columns('customers') }},
        true as is_current

    from customers

)

select * from final
