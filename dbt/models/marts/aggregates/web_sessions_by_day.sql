with

sessions as (

    select * from {{ ref('fct_web_sessions') }}

),

dated as (

    select
        cast(started_at at time zone 'UTC' as date) as session_date,
        case when has_ordered then 1 else 0 end as orders,
        events

    from sessions

),

final as (

    select
        session_date,
        count(*) as sessions,
        cast(sum(orders) as bigint) as sessions_with_order,
        cast(sum(events) as bigint) as events

    from dated
    group by session_date

)

select * from final
