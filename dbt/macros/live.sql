{#-
    The rows that an aggregate counts, by dataset: those of its fact, as the last build left them; or, where the environment
    wants its answers live (MARTS_LIVE, config `live`), those of its live view. Aggregates are views then.
-#}
{% macro latest(dataset) -%}
    {{ return(ref(('live_' if env_var('MARTS_LIVE', 'false') == 'true' else 'fct_') ~ dataset)) }}
{%- endmacro %}

{#-
    Live rows: a dataset as silver has it at the moment of the question. The rows of its fact that silver has not merged since
    that was built, and those that it has. The fact's lookups (history, exchange rates) are left out: what was merged since
    has none yet.

    How far the fact has come is written into the view, which each build makes anew after the fact: by a constant the lake's
    files are left out unread, and one that is too old costs time only.

    A view that is bound late: its owner reads silver, who asks needs rights on the view only.
    https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html
-#}
{% macro live_rows(dataset, fact) -%}
{#- While it parses, dbt reads here what the view depends on, and has no graph to take columns from. -#}
{%- if not execute %}{% do source('silver', dataset) %}{% else -%}
with

newer as (

    select
        {{ contract_columns(dataset) }},
        case when {{ var('current_rows') }} then 1 else 0 end as is_current
    from {{ source('silver', dataset) }}
    where _merged_at > cast('{{ newest_merge(fact) }}' as timestamptz)

)

select
    {{ contract_columns(dataset, 'built') }}
from {{ fact }} as built
where not exists (
    select 1 from newer
    where {{ same_key(dataset, 'newer', 'built') }}
)
union all
select
    {{ contract_columns(dataset, 'newer') }}
from newer
where newer.is_current = 1
{%- endif -%}
{%- endmacro %}
