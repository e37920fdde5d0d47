{#- Tables that outlive a build follow their declarations: facts are built anew, dimensions are altered. -#}

{#- dbt's own macro, and: a fact whose table has other columns than its YAML and contract say is built anew. -#}
{% macro should_full_refresh() -%}
    {%- set configured = config.get('full_refresh') -%}
    {%- if configured is not none -%}
        {{ return(configured) }}
    {%- endif -%}
    {{ return(flags.FULL_REFRESH or differing_columns() | length > 0) }}
{%- endmacro %}

{#- What an incremental model's table has otherwise than declared, as a list of texts; empty while there is no table. -#}
{% macro differing_columns() -%}
    {%- set differing = [] -%}
    {%- set is_offline = var('offline_incremental', none) is not none -%}
    {%- if not is_offline and model.config.materialized == 'incremental' and load_relation(this) -%}
        {%- set found, declared = table_columns(), declared_columns() -%}
        {%- for name in (found | list + declared | list) | unique if found.get(name) != declared.get(name) -%}
            {%- do differing.append(
                name ~ ' is ' ~ (found.get(name) or 'missing') ~ ', declared as ' ~ (declared.get(name) or 'nothing')
            ) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(differing) }}
{%- endmacro %}

{#- Pre-hook of a fact. -#}
{% macro say_why_it_is_built_anew() -%}
    {%- if execute and differing_columns() -%}
        {%- do log(this ~ ' is built anew: ' ~ differing_columns() | join('; '), info=true) -%}
    {%- endif -%}
{%- endmacro %}

{#- dbt's own macro, but: a unit test, which has no table, tries the first build; and
    `dbt compile --no-introspect --vars '{offline_incremental: true}'` shows a later build's SQL without a database. -#}
{% macro is_incremental() -%}
    {%- if execute and not this -%}
        {{ return(false) }}
    {%- elif var('offline_incremental', none) is none -%}
        {{ return(dbt.is_incremental()) }}
    {%- endif -%}
    {{ return(execute and var('offline_incremental') and model.config.materialized == 'incremental') }}
{%- endmacro %}

{#- Pre-hook of a dimension: its table gets the contract's new columns, new names and wider types, and keeps its rows. -#}
{% macro follow_contract() -%}
    {%- if execute and is_incremental() -%}
        {%- set found = table_columns() -%}
        {%- for name, column in contract_source(model.config.meta.reconciles).columns.items() -%}
            {%- set former = column.meta.get('previous_names', []) | select('in', found) | first -%}
            {%- if name in found and found[name] != plain_type(column.data_type) -%}
                {%- do alter_column_type(this, name, column.data_type) -%}
            {%- elif name not in found and former -%}
                {%- do run_query(
                    'alter table ' ~ this ~ ' rename column ' ~ adapter.quote(former) ~ ' to ' ~ adapter.quote(name)
                ) -%}
                {%- if found[former] != plain_type(column.data_type) -%}
                    {%- do alter_column_type(this, name, column.data_type) -%}
                {%- endif -%}
            {%- elif name not in found -%}
                {%- do run_query(
                    'alter table ' ~ this ~ ' add column ' ~ adapter.quote(name) ~ ' ' ~ column.data_type
                ) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{#- Names and types of the model's table. -#}
{% macro table_columns() -%}
    {%- set found = {} -%}
    {%- for column in adapter.get_columns_in_relation(this) -%}
        {%- do found.update({column.name: plain_type(column.data_type)}) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{#- Names and types of the columns that the model's YAML and its contract declare; the YAML may still have a former name. -#}
{% macro declared_columns() -%}
    {%- set declared, former = {}, [] -%}
    {%- if model.config.meta.reconciles -%}
        {%- for name, column in contract_source(model.config.meta.reconciles).columns.items() -%}
            {%- do declared.update({name: plain_type(column.data_type)}) -%}
            {%- do former.extend(column.meta.get('previous_names', [])) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- for name, column in model.columns.items() if name not in declared and name not in former -%}
        {%- do declared.update({name: plain_type(column.data_type)}) -%}
    {%- endfor -%}
    {{ return(declared) }}
{%- endmacro %}

{#- A type as the contracts spell it: `character varying(20)` is `varchar(20)`. -#}
{% macro plain_type(type) -%}
    {{ return(
        (type or '') | lower
            | replace('character varying', 'varchar')
            | replace('decimal', 'numeric')
            | replace('timestamp with time zone', 'timestamptz')
            | replace('timestamp without time zone', 'timestamp')
            | replace(', ', ',')
    ) }}
{%- endmacro %}
