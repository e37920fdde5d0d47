{#- Fails with each row that the model's endpoint can't give to anybody: a parameter with `values_from` is asked for by
    the contract's values only, so any other value in its column, or none, is out of reach. -#}
{% test endpoint_values(model) %}
    {%- set unreachable = [] -%}
    {%- if execute -%}
        {%- set node = graph.nodes.values() | selectattr('resource_type', 'equalto', 'model')
            | selectattr('alias', 'equalto', model.identifier) | first -%}
        {%- for parameter in node.config.meta.endpoint.parameters if parameter.values_from -%}
            {%- set values = valid_values(parameter.values_from) | map('replace', "'", "''") | join("', '") -%}
            {%- do unreachable.append(
                parameter.column ~ " is null or " ~ parameter.column ~ " not in ('" ~ values ~ "')"
            ) -%}
        {%- endfor -%}
    {%- endif %}
    select *
    from {{ model }}
    where {{ unreachable | join('\n        or ') or 'false' }}
{% endtest %}
