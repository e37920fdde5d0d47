{#- What the models take from the contracts, by way of the generated source `silver` (models/sources.yml). -#}

{#- The columns that a dataset's contract declares, for a select list: without bookkeeping, in the contract's order. -#}
{#- `relation` is put before each name, for a select from several. While dbt parses, and in unit tests, it has no graph:
    there it is all columns, which in a unit test are those of the model that the rows stand for. -#}
{% macro contract_columns(dataset, relation=none) -%}
    {%- set prefix = relation ~ '.' if relation else '' -%}
    {%- if graph.sources is not defined -%}
        {{ prefix }}*
    {%- else -%}
        {%- for name in contract_source(dataset).columns -%}
            {{ prefix }}{{ adapter.quote(name) }}{{ ',\n        ' if not loop.last }}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{#- A dataset as it is now: the contract's columns of the rows that exist and are whole. -#}
{% macro current_rows(dataset) -%}
    select
        {{ contract_columns(dataset) }}
    from {{ source('silver', dataset) }}
    where {{ var('current_rows') }}
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
