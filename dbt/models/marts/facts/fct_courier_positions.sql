with

{{ changed_or_stale('positions', 'courier_positions', ref('stg_courier_positions__courier_positions')) }},

final as (

    select
        {{ silver_columns('courier_positions') }}

    from positions

)

select * from final
