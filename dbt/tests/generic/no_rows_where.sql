{#- Fails with each row for which the condition holds. -#}
{% test no_rows_where(model, condition) %}
    select *
    from {{ model }}
    where {{ condition }}
{% endtest %}
