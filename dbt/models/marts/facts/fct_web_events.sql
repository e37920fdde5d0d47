with

{{ changed_or_stale('events', 'web_events', ref('stg_web_events__web_events')) }},

final as (

    select
        {{ silver_columns('web_events') }}

    from events

)

select * from final
