{#- A model's schema is the one it names, exactly; dbt's own macro would put the target's schema in front. -#}
{#- https://docs.getdbt.com/docs/build/custom-schemas -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
