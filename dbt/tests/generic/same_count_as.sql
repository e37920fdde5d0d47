{#- Fails when the model has not exactly as many rows as `other`: with a unique key, none was lost, none doubled. -#}
{% test same_count_as(model, other) %}
    with
    here as (select count(*) as found from {{ model }}),
    there as (select count(*) as found from {{ other }})
    select
        here.found,
        there.found as expected
    from here
    cross join there
    where here.found <> there.found
{% endtest %}
