{#- What the test keeps_contract needs besides its SQL. -#}

{#- Up to which merge gold has a dataset, in a build: the newest `_merged_at` of the model that reconciles it; from the
    beginning when it has no such column. -#}
{% macro newest_in_gold(dataset) -%}
    {%- if flags.WHICH == 'build' -%}
        {%- for node in graph.nodes.values() if node.config.meta.reconciles == dataset -%}
            {%- set table = adapter.get_relation(node.database, node.schema, node.alias) -%}
            {%- if table and '_merged_at' in adapter.get_columns_in_relation(table) | map(attribute='name') -%}
                {{ return(newest_merge(table)) }}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(var('beginning')) }}
{%- endmacro %}

{#- The newest merge that a table has seen, as a literal: Redshift skips files of silver by it. -#}
{% macro newest_merge(table) -%}
    {%- if var('offline_incremental', none) is none -%}
        {%- set newest = run_query('select cast(max(_merged_at) as varchar) from ' ~ table).columns[0].values()[0] -%}
    {%- endif -%}
    {{ return(newest or var('beginning')) }}
{%- endmacro %}

{#- On-run-end: of each dataset that broke its contract, which rules, and how many rows. -#}
{% macro say_which_rules_are_broken() -%}
    {%- for result in results if result.status == 'fail' and result.node.test_metadata.name == 'keeps_contract' -%}
        {%- set rows = run_query(
            'select broken_rule, count(*) from (' ~ result.node.compiled_code ~ ') as found group by 1 order by 1'
        ) -%}
        {%- for row in rows -%}
            {%- do log(
                'silver.' ~ result.node.test_metadata.kwargs.dataset ~ ': ' ~ row[0] ~ ' in ' ~ row[1] ~ ' row(s)', info=true
            ) -%}
        {%- endfor -%}
    {%- endfor -%}
{%- endmacro %}
