{#- Fails with each combination of `columns` that stands in more than one row; nulls count as equal. -#}
{% test unique_together(model, columns) %}
    select
        {{ columns | map('trim') | map('string') | join(', ') }},
        count(*) as found
    from {{ model }}
    group by {{ columns | join(', ') }}
    having count(*) > 1
{% endtest %}
