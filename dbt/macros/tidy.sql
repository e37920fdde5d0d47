{#- Post-hook: PostgreSQL's planner does not know a table that was just made, and sorts where it should hash. -#}
{#- Redshift analyzes by itself. https://docs.aws.amazon.com/redshift/latest/dg/t_Analyzing_tables.html -#}
{% macro tidy() -%}
    {%- if target.type == 'postgres' and model.config.materialized != 'view' and not is_incremental() -%}
        analyze {{ this }}
    {%- endif -%}
{%- endmacro %}
