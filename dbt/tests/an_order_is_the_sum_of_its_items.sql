-- An order's amount is what its items add up to. Counted only: an item may be in quarantine, or one export late.
-- An order is looked at in the builds of the day on which it, or an item of it, was merged; not all of them each time.
{{ config(severity='warn') }}

{% set changed %}
    select order_id from {{ ref('fct_orders') }}
    where _merged_at > (select max(newest._merged_at) - interval '1 day' from {{ ref('fct_orders') }} as newest)
    union all
    select order_id from {{ ref('fct_order_items') }}
    where _merged_at > (select max(newest._merged_at) - interval '1 day' from {{ ref('fct_order_items') }} as newest)
{% endset %}

select
    orders.order_id,
    orders.amount,
    sum(items.amount) as amount_of_items

from {{ ref('fct_orders') }} as orders
left join {{ ref('fct_order_items') }} as items
    on orders.order_id = items.order_id
where
    orders.order_id in (
        {{ changed | trim }}
    )
group by
    orders.order_id,
    orders.amount
having orders.amount <> coalesce(sum(items.amount), 0)
