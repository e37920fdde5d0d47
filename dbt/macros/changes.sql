{#-
    Facts that are built by what changed. A fact is its dataset's rows, columns that are looked up for them in other
    models, and columns that follow from both. A model says what it looks up once (`joins`, `looked_up`: an expression by
    column), uses it in its `found`, and hands it to `changed_or_stale`, which makes the CTE of the rows to build.

    The first build takes all rows of staging. A later one takes
    - what silver merged since the newest `_merged_at` of the table, tombstones included, and
    - the table's own rows for which a lookup now finds something else than they have: whatever arrived late, was corrected
      or has vanished elsewhere mends the rows that it concerns, and no one has to watch for it.
    So the table is what a full build would make of it. Why: docs/decisions/0011.
-#}

{#- The CTE `name`: the contract's columns, and `_merged_at`, which is null for a row that is no more. -#}
{% macro changed_or_stale(name, dataset, staging, looked_up={}, joins='') -%}
    {%- if not is_incremental() -%}
    {#- dbt reads here, while it parses, what the model depends on; a unit test has no silver. -#}
    {%- if not execute %}{% do source('silver', dataset) %}{% endif -%}
{{ name }} as (

    select * from {{ staging }}

)
    {%- else -%}
    {%- set is_newer = "_merged_at > cast('" ~ newest_merge(this) ~ "' as timestamptz)" -%}
changed as (

    select
        {{ contract_columns(dataset) }},
        case when {{ var('current_rows') }} then _merged_at end as _merged_at
    from {{ source('silver', dataset) }}
    where {{ is_newer }}

),
{%- if looked_up %}

stale as (

    select
        {{ silver_columns(dataset, name) }}
    from {{ this }} as {{ name }}
    {{ joins | trim }}
    left join {{ source('silver', dataset) }} as newer
        on {{ same_key(dataset, name, 'newer') }}
        and newer.{{ is_newer }}
    where
        newer._merged_at is null
        and (
            {%- for column, expression in looked_up.items() %}
            {{ 'or ' if not loop.first }}{{ differs(expression, name ~ '.' ~ adapter.quote(column)) }}
            {%- endfor %}
        )

),
{%- endif %}

{{ name }} as (

    select * from changed
    {%- if looked_up %}
    union all
    select * from stale
    {%- endif %}

)
    {%- endif -%}
{%- endmacro %}

{#- The looked-up columns, for a select list. -#}
{% macro looked_up_columns(looked_up) -%}
    {%- for column, expression in looked_up.items() -%}
        {{ expression }} as {{ column }}{{ ',\n        ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{#- The incremental strategy `changes`: what is to be written replaces its key's row; without `_merged_at` it is gone. -#}
{#- One transaction with the model: a build that is killed has written all or nothing. -#}
{% macro get_incremental_changes_sql(arg_dict) -%}
    {%- set written, columns = arg_dict.temp_relation, arg_dict.dest_columns | map(attribute='quoted') | join(', ') -%}
    {%- set key = key_columns(model.config.meta.reconciles) | join(', ') %}
    delete from {{ arg_dict.target_relation }}
    where ({{ key }}) in (select {{ key }} from {{ written }});

    insert into {{ arg_dict.target_relation }} ({{ columns }})
    select {{ columns }} from {{ written }}
    where _merged_at is not null
{%- endmacro %}
