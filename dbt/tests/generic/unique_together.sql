{#- Fails with each combination of `columns` that stands in more than one row; nulls count as equal. -#}
{% test unique_together(model, columns) %}
    {%- set names = [] -%}
    {%- for name in columns -%}{%- do names.append(adapter.quote(name)) -%}{%- endfor %}
    select
        {{ names | join(', ') }},
        count(*) as found
    from {{ model }}
    group by {{ names | join(', ') }}
    having count(*) > 1
{% endtest %}
