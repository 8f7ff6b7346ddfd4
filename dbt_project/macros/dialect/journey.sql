{#- A 60-bit key of text parts: the same for the same parts on every engine and in every version. -#}
{% macro stable_key(parts) -%}
{{ return(adapter.dispatch('stable_key')(parts)) }}
{%- endmacro %}

{% macro default__stable_key(parts) -%}
cast(conv(substr(md5(concat_ws('|', {{ parts | join(', ') }})), 1, 15), 16, 10) as bigint)
{%- endmacro %}

{% macro duckdb__stable_key(parts) -%}
cast(('0x' || substr(md5(concat_ws('|', {{ parts | join(', ') }})), 1, 15)) as bigint)
{%- endmacro %}


{#- Text values of a group in one text, in the order of `order_by`. -#}
{% macro joined_in_order(value, separator, order_by) -%}
{{ return(adapter.dispatch('joined_in_order')(value, separator, order_by)) }}
{%- endmacro %}

{% macro default__joined_in_order(value, separator, order_by) -%}
array_join(transform(array_sort(collect_list(struct({{ order_by }}, {{ value }}))), x -> x.col2), '{{ separator }}')
{%- endmacro %}

{% macro duckdb__joined_in_order(value, separator, order_by) -%}
string_agg({{ value }}, '{{ separator }}' order by {{ order_by }})
{%- endmacro %}


{#- Relations (name -> relation) one under the other, matched by column name, under the given typed columns. -#}
{% macro union_by_name(relations, name_column, columns) -%}
{{ return(adapter.dispatch('union_by_name')(relations, name_column, columns)) }}
{%- endmacro %}

{% macro default__union_by_name(relations, name_column, columns) -%}
{%- for name, relation in relations.items() %}
{%- set present = adapter.get_columns_in_relation(relation) | map(attribute='name') | map('lower') | list %}
select
    '{{ name }}' as {{ name_column }},
{%- for column, type in columns.items() %}
    cast({{ column if column in present else 'null' }} as {{ type }}) as {{ column }}{{ ',' if not loop.last }}
{%- endfor %}
from {{ relation }}
{{ 'union all' if not loop.last }}
{%- endfor %}
{%- endmacro %}

{% macro duckdb__union_by_name(relations, name_column, columns) -%}
select
    cast(null as varchar) as {{ name_column }},
{%- for column, type in columns.items() %}
    cast(null as {{ type }}) as {{ column }}{{ ',' if not loop.last }}
{%- endfor %}
where false
{%- for name, relation in relations.items() %}
union all by name
select
    '{{ name }}' as {{ name_column }},
    *
from {{ relation }}
{%- endfor %}
{%- endmacro %}


{#- Connected components: CTEs ending in `components (node, label)`, where label is the smallest node that can be
    reached. `edges` is a relation with columns (node, neighbour) that holds every edge in both directions, so nodes
    without edges are not in it. Exact for any depth: rounds go on until nothing changes. -#}
{% macro connected_components(edges) -%}
{{ return(adapter.dispatch('connected_components')(edges)) }}
{%- endmacro %}

{#- Plain SQL keeps every label a node ever had: fine for the small components of one person. -#}
{% macro default__connected_components(edges) -%}
reached (node, label) as (
    select
        node,
        node
    from {{ edges }}
    union
    select
        edges.neighbour,
        reached.label
    from reached
    inner join {{ edges }} as edges on reached.node = edges.node
    where reached.label < edges.neighbour
),

components as (
    select
        node,
        min(label) as label
    from reached
    group by node
)
{%- endmacro %}

{#- `using key` keeps one row a node, so memory stays linear and each round looks only at nodes whose label changed. -#}
{% macro duckdb__connected_components(edges) -%}
components (node, label) using key (node) as (
    select distinct
        node,
        node
    from {{ edges }}
    union
    select
        edges.neighbour,
        min(components.label)
    from components
    inner join {{ edges }} as edges on components.node = edges.node
    inner join recurring.components as known on edges.neighbour = known.node
    where components.label < known.label
    group by edges.neighbour
)
{%- endmacro %}


{#- Exact quantile with linear interpolation. -#}
{% macro quantile(value, share) -%}
{{ return(adapter.dispatch('quantile')(value, share)) }}
{%- endmacro %}

{% macro default__quantile(value, share) -%}
percentile({{ value }}, {{ share }})
{%- endmacro %}

{% macro duckdb__quantile(value, share) -%}
quantile_cont({{ value }}, {{ share }})
{%- endmacro %}


{#- Several exact quantiles of one sorting, as a list (`list_item`) in the order of `shares`. -#}
{% macro quantiles(value, shares) -%}
{{ return(adapter.dispatch('quantiles')(value, shares)) }}
{%- endmacro %}

{% macro default__quantiles(value, shares) -%}
percentile({{ value }}, array({{ shares | join(', ') }}))
{%- endmacro %}

{% macro duckdb__quantiles(value, shares) -%}
quantile_cont({{ value }}, [{{ shares | join(', ') }}])
{%- endmacro %}


{#- The n-th item of a list, counted from 1. -#}
{% macro list_item(list, n) -%}
{{ return(adapter.dispatch('list_item')(list, n)) }}
{%- endmacro %}

{% macro default__list_item(list, n) -%}
element_at({{ list }}, {{ n }})
{%- endmacro %}

{% macro duckdb__list_item(list, n) -%}
list_extract({{ list }}, {{ n }})
{%- endmacro %}
