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
{#- It keeps a wider type and a column that an older contract lacks: after a rollback nothing is taken away. -#}
{% macro follow_contract() -%}
    {%- if execute and is_incremental() -%}
        {%- set found = table_columns() -%}
        {%- for name, column in contract_source(model.config.meta.reconciles).columns.items() -%}
            {%- set former = column.meta.get('previous_names', []) | reverse | select('in', found) | first -%}
            {%- set quoted, there = adapter.quote(name), found.get(name) or found.get(former) -%}
            {%- if not there -%}
                {%- do run_query('alter table ' ~ this ~ ' add column ' ~ quoted ~ ' ' ~ column.data_type) -%}
                {%- do run_query('comment on column ' ~ this ~ '.' ~ quoted ~ " is '" ~ no_value_yet() ~ "'") -%}
            {%- elif name not in found -%}
                {%- do run_query('alter table ' ~ this ~ ' rename column ' ~ adapter.quote(former) ~ ' to ' ~ quoted) -%}
            {%- endif -%}
            {%- if there and not holds(there, plain_type(column.data_type)) -%}
                {%- do alter_column_type(this, name, column.data_type) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do take_first_values() -%}
    {%- endif -%}
{%- endmacro %}

{#- The first values of a column that a dimension got are no change of its rows: the source had them, and nobody asked.
    So the build that first finds some fills them into the versions that are current, and opens no others. From then on
    each difference is a version. Until then the column's comment says that it waits.
    https://docs.aws.amazon.com/redshift/latest/dg/r_COMMENT.html -#}
{% macro take_first_values() -%}
    {%- set dataset = model.config.meta.reconciles -%}
    {%- set silver = source('silver', dataset) -%}
    {%- set waiting = run_query(
        "select attname from pg_attribute where attrelid = '" ~ this.include(database=false) ~ "'::regclass"
        ~ " and attnum > 0 and col_description(attrelid, attnum) = '" ~ no_value_yet() ~ "'"
    ).columns[0].values() -%}
    {%- for name in waiting if name in contract_source(dataset).columns -%}
        {%- set quoted = adapter.quote(name) -%}
        {%- set told = 'from ' ~ silver ~ ' as silver where ' ~ var('current_rows') ~ ' and silver.' ~ quoted ~ ' is not null' -%}
        {%- if run_query('select count(*) ' ~ told).columns[0].values()[0] > 0 -%}
            {%- do run_query(
                'update ' ~ this ~ ' as newest set ' ~ quoted ~ ' = silver.' ~ quoted ~ ' ' ~ told
                ~ ' and newest.is_current and ' ~ same_key(dataset, 'newest', 'silver')
            ) -%}
            {%- do run_query('comment on column ' ~ this ~ '.' ~ quoted ~ ' is null') -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{% macro no_value_yet() -%}
    {{ return('added to the contract; no value yet') }}
{%- endmacro %}

{#- Columns of a dimension's table that its contract does not have, nor had: those of a newer one, after a rollback. -#}
{% macro kept_columns() -%}
    {%- set kept = [] -%}
    {%- if var('offline_incremental', none) is none -%}
        {%- set known = declared_columns() | list -%}
        {%- for column in contract_source(model.config.meta.reconciles).columns.values() -%}
            {%- do known.extend(column.meta.get('previous_names', [])) -%}
        {%- endfor -%}
        {%- do kept.extend(table_columns() | reject('in', known)) -%}
    {%- endif -%}
    {{ return(kept) }}
{%- endmacro %}

{#- Whether a column of one type (see plain_type) takes every value of another: the same, or a longer one of its kind. -#}
{% macro holds(found, declared) -%}
    {%- set kinds = [found, declared] | map('replace', ')', '') | map('replace', '(', ',') | map('lower') | list -%}
    {%- set one, other = kinds[0].split(','), kinds[1].split(',') -%}
    {%- if found == declared or (found == 'bigint' and declared == 'integer') -%}
        {{ return(true) }}
    {%- elif one[0] != other[0] or one[0] not in ('varchar', 'numeric') or one | length != other | length -%}
        {{ return(false) }}
    {%- endif -%}
    {{ return(one[1] | int >= other[1] | int and one[2:] == other[2:]) }}
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
