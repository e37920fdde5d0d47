{#- Fails with each version (valid_from, valid_to) of a key that ends before it began, or after the next one began. -#}
{% test no_overlap(model, key) %}
    with
    versions as (
        select
            {{ key }},
            valid_from,
            valid_to,
            lead(valid_from) over (partition by {{ key }} order by valid_from) as next_from
        from {{ model }}
    )
    select *
    from versions
    where valid_to < valid_from
        or next_from < valid_to
        or (next_from is not null and valid_to is null)
{% endtest %}
