with

events as (

    select * from {{ ref('stg_web_events__web_events') }}

),

final as (

    select
        {{ contract_columns('web_events') }}

    from events

)

select * from final
