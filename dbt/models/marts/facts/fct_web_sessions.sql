with

{{ changed_or_stale('sessions', 'web_sessions', ref('stg_web_sessions__web_sessions')) }},

final as (

    select
        {{ silver_columns('web_sessions') }}

    from sessions

)

select * from final
