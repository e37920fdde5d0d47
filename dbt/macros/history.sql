{#-
    Dimensions with history (slowly changing, type 2), made of silver alone: each difference between silver's row and the
    newest version of its key closes that version and opens another. Times are those of silver's merges, which only rise,
    not the source's, which may stand still or go back; a key's first version is valid from the beginning of time. A build
    without changes writes nothing, a build that was killed is repeated. Why: docs/decisions/0011.
-#}

{#- All of a dimension's SQL. -#}
{% macro history_of(dataset, staging) -%}
    {%- if not is_incremental() -%}
    {#- dbt reads here, while it parses, what the model depends on; a unit test has no silver. -#}
    {%- if not execute %}{% do source('silver', dataset) %}{% endif -%}
with

silver as (

    select * from {{ staging }}

),

final as (

    select
        {{ version_key(dataset, 'silver', '1') }} as version_key,
        {{ silver_columns(dataset, 'silver') }},
        cast('{{ var("beginning") }}' as timestamptz) as valid_from,
        cast(null as timestamptz) as valid_to,
        true as is_current

    from silver

)

select * from final
    {%- else -%}
        {{ new_and_closed_versions(dataset, source('silver', dataset)) }}
    {%- endif %}
{%- endmacro %}

{#- The versions that a later build opens or closes. -#}
{% macro new_and_closed_versions(dataset, silver) -%}
{%- set key = contract_source(dataset).meta.key -%}
{%- set one = adapter.quote(key[0]) -%}
{%- set kept = kept_columns() -%}
{%- set is_other = differing_row(contract_source(dataset).columns, 'silver', 'newest') -%}
{%- set build_time = "cast('" ~ run_started_at.isoformat() ~ "' as timestamptz)" -%}
with

-- Tombstones and incomplete rows included: their merge is when the key's version ended.
silver as (

    select
        {{ silver_columns(dataset) }},
        case when {{ var('current_rows') }} then 1 else 0 end as _is_shown

    from {{ silver }}

),

newest as (

    select * from {{ this }}
    where is_current

),

former as (

    select
        {{ key_columns(dataset) | join(',\n        ') }},
        count(*) as _versions,
        max(coalesce(valid_to, valid_from)) as _changed_at

    from {{ this }}
    group by
        {{ key_columns(dataset) | join(',\n        ') }}

),

-- A merge that is older than the version before it comes of a silver that was rolled back: known since now.
dated as (

    select
        silver.*,
        coalesce(former._versions, 0) as _versions,
        case
            when former._versions is null then cast('{{ var("beginning") }}' as timestamptz)
            when silver._merged_at > former._changed_at then silver._merged_at
            else {{ build_time }}
        end as _since

    from silver
    left join former
        on {{ same_key(dataset, 'silver', 'former') }}

),

closed as (

    select
        newest.version_key,
        {{ silver_columns(dataset, 'newest') }},
        {%- for name in kept %}
        newest.{{ adapter.quote(name) }},
        {%- endfor %}
        newest.valid_from,
        coalesce(silver._since, {{ build_time }}) as valid_to,
        false as is_current

    from newest
    left join dated as silver
        on {{ same_key(dataset, 'newest', 'silver') }}
    where silver.{{ one }} is null
        or silver._is_shown = 0
        or {{ is_other }}

),

opened as (

    select
        {{ version_key(dataset, 'silver', 'silver._versions + 1') }} as version_key,
        {{ silver_columns(dataset, 'silver') }},
        {%- for name in kept %}
        newest.{{ adapter.quote(name) }},
        {%- endfor %}
        silver._since as valid_from,
        cast(null as timestamptz) as valid_to,
        true as is_current

    from dated as silver
    left join newest
        on {{ same_key(dataset, 'silver', 'newest') }}
    where silver._is_shown = 1
        and (newest.{{ one }} is null or {{ is_other }})

),

final as (

    select * from closed
    union all
    select * from opened

)

select * from final
{%- endmacro %}

{#- The condition that two rows of a key differ. -#}
{% macro differing_row(columns, one, other) -%}
    (
        {%- for name in columns %}
        {{ 'or ' if not loop.first }}{{ differs(one ~ '.' ~ adapter.quote(name), other ~ '.' ~ adapter.quote(name)) }}
        {%- endfor %}
    )
{%- endmacro %}

{#- A version's key: the dataset's key and the version's number, such as `4711-2`. -#}
{% macro version_key(dataset, relation, number) -%}
    {%- if graph.sources is not defined -%}
        cast(null as varchar(1000))
    {%- else -%}
        {%- set parts = [] -%}
        {%- for name in key_columns(dataset, relation) + [number] -%}
            {%- do parts.append('cast(' ~ name ~ ' as varchar)') -%}
        {%- endfor -%}
        cast({{ parts | join(" || '-' || ") }} as varchar(1000))
    {%- endif -%}
{%- endmacro %}

{#- To join by day: each version with the first day that it holds at the end of, and the first one that it does not. -#}
{#- A gap, between a delete and another insert, belongs to the version before it: a fact finds what was known last. -#}
{% macro versions_by_day(dimension, key) -%}
    (
        select
            {{ key }},
            version_key,
            cast(valid_from at time zone 'UTC' as date) as first_day,
            cast(
                lead(valid_from) over (partition by {{ key }} order by valid_from) at time zone 'UTC' as date
            ) as next_day
        from {{ dimension }}
    )
{%- endmacro %}
