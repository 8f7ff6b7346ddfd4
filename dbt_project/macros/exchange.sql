{#- Post-hook: hands this model to Python as exchange/<name>.parquet, in the order of its key. -#}
{% macro export_to_exchange(order_by) -%}
copy (select * from {{ this }} order by {{ order_by }})
to '{{ target.path | replace("/warehouse.duckdb", "") }}/exchange/{{ this.identifier }}.parquet' (format parquet, compression zstd)
{%- endmacro %}
