{#- `column` (already trimmed and in lower case) without the values that seed identity_placeholders lists for it. -#}
{% macro without_placeholders(column, field=none) -%}
case
    when {{ column }} in (
            select placeholder.value from {{ ref('identity_placeholders') }} as placeholder
            where placeholder.field = '{{ field or column }}'
        )
        then null
    else nullif({{ column }}, '')
end
{%- endmacro %}

{#- Post-hook: hands this model to Python as exchange/<name>.parquet, in the order of its key. -#}
{% macro export_to_exchange(order_by) -%}
copy (select * from {{ this }} order by {{ order_by }})
to '{{ target.path | replace("/warehouse.duckdb", "") }}/exchange/{{ this.identifier }}.parquet' (format parquet, compression zstd)
{%- endmacro %}
