{#- Numbers in place of names, where tens of millions of rows are sorted or grouped by them. -#}

{#- CTE `name` (column, number): the different values of a relation's column, numbered from 1 in their order. -#}
{% macro numbered_values(name, column, number, relation) -%}
{{ name }} as (
    select
        named.{{ column }},
        cast(dense_rank() over (order by named.{{ column }}) as integer) as {{ number }}
    from (select distinct {{ column }} from {{ relation }}) as named
)
{%- endmacro %}
