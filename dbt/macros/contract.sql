{#- What the models take from the contracts, by way of the generated source `silver` (models/sources.yml). -#}

{#- The columns that a dataset's contract declares, for a select list: without bookkeeping, in the contract's order. Of a
    dataset without a key, silver's key as well (`_row_hash`, `_row_copy`): by it a copy of a row is told from another. -#}
{#- `relation` is put before each name, for a select from several. While dbt parses, and in unit tests, it has no graph:
    there it is all columns, which in a unit test are those of the model that the rows stand for. -#}
{% macro contract_columns(dataset, relation=none, more=[]) -%}
    {%- set prefix = relation ~ '.' if relation else '' -%}
    {%- if graph.sources is not defined -%}
        {{ prefix }}*
    {%- else -%}
        {%- set declared = contract_source(dataset).columns | list -%}
        {%- set hidden = contract_source(dataset).meta.key | reject('in', declared) | list -%}
        {%- for name in declared + hidden + more -%}
            {{ prefix }}{{ adapter.quote(name) }}{{ ',\n        ' if not loop.last }}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{#- The contract's columns, and `_merged_at`: when silver last merged the row. -#}
{% macro silver_columns(dataset, relation=none) -%}
    {{ contract_columns(dataset, relation, ['_merged_at']) }}
{%- endmacro %}

{#- A dataset as it is now: the contract's columns, and `_merged_at`, of the rows that exist and are whole. -#}
{% macro current_rows(dataset) -%}
    select
        {{ silver_columns(dataset) }}
    from {{ source('silver', dataset) }}
    where {{ var('current_rows') }}
{%- endmacro %}

{#- The condition that two relations agree in the columns of the dataset's key. -#}
{% macro same_key(dataset, one, other) -%}
    {%- for name in contract_source(dataset).meta.key -%}
        {{ one }}.{{ adapter.quote(name) }} = {{ other }}.{{ adapter.quote(name) }}{{ '\n        and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{#- The columns of the dataset's key, quoted, as a list of strings. -#}
{% macro key_columns(dataset, relation=none) -%}
    {%- set names = [] -%}
    {%- for name in contract_source(dataset).meta.key -%}
        {%- do names.append((relation ~ '.' if relation else '') ~ adapter.quote(name)) -%}
    {%- endfor -%}
    {{ return(names) }}
{%- endmacro %}

{#- The condition that two expressions differ; null is equal to null. -#}
{% macro differs(one, other) -%}
    case when {{ one }} = {{ other }} or ({{ one }} is null and {{ other }} is null) then 0 else 1 end = 1
{%- endmacro %}

{#- The only values that a contract allows in a column (`<dataset>.<column>`), as a list of strings. -#}
{% macro valid_values(reference) -%}
    {%- set dataset, column = reference.split('.') -%}
    {%- set declared = contract_source(dataset).columns.get(column, {}).get('meta', {}).get('valid_values') -%}
    {%- if not declared -%}
        {{ exceptions.raise_compiler_error(
            reference ~ ' has no validValues; add an invalidValues rule to that column in contracts/' ~ dataset
            ~ '.odcs.yaml, or name a column that has one'
        ) }}
    {%- endif -%}
    {{ return(declared) }}
{%- endmacro %}

{#- A dataset's entry in models/sources.yml, as dbt's graph holds it. -#}
{% macro contract_source(dataset) -%}
    {%- set found = graph.sources.values()
        | selectattr('source_name', 'equalto', 'silver') | selectattr('name', 'equalto', dataset) | first -%}
    {%- if not found -%}
        {{ exceptions.raise_compiler_error(
            'no contract describes ' ~ dataset ~ '; there are '
            ~ graph.sources.values() | map(attribute='name') | sort | join(', ')
        ) }}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro %}
