{#- Fails with each row of silver that breaks its contract: a column that is required is empty, a value is none of those
    allowed, or a key stands in several rows. Gold does not go on from there. The rows that count are those that are shown
    (`current_rows`): a tombstone has nothing but its key, and an incomplete row waits for the rest.

    `dbt build` looks at the rows that gold has not got yet: those before were looked at when gold got them. `dbt test`
    looks at all rows, for instance after a rule was added to a contract. -#}
{% test keeps_contract(model, dataset) %}
    {%- if execute -%}
    {%- set declared, key = contract_source(dataset).columns, key_columns(dataset) | join(', ') -%}
    {%- set rules = {} -%}
    {%- for name, column in declared.items() -%}
        {%- set quoted = adapter.quote(name) -%}
        {%- if column.meta.required -%}
            {%- do rules.update({name ~ ' is missing': quoted ~ ' is null'}) -%}
        {%- endif -%}
        {%- if column.meta.valid_values -%}
            {%- set values = column.meta.valid_values | map('replace', "'", "''") | join("', '") -%}
            {%- do rules.update({name ~ ' is none of the values allowed': quoted ~ " not in ('" ~ values ~ "')"}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set unseen = "_merged_at > cast('" ~ newest_in_gold(dataset) ~ "' as timestamptz)" -%}
    {%- if rules %}
    select
        {{ key }},
        case
            {%- for rule, is_broken in rules.items() %}
            when {{ is_broken }} then '{{ rule }}'
            {%- endfor %}
        end as broken_rule
    from {{ model }}
    where {{ var('current_rows') }}
        and {{ unseen }}
        and ({{ rules.values() | join(' or ') }})
    union all
    {%- endif %}
    select
        {{ key }},
        'the key stands in several rows' as broken_rule
    from {{ model }}
    where {{ var('current_rows') }}
        {%- if newest_in_gold(dataset) != var('beginning') %}
        and ({{ key }}) in (select {{ key }} from {{ model }} where {{ unseen }})
        {%- endif %}
    group by {{ key }}
    having count(*) > 1
    {%- endif %}
{% endtest %}
