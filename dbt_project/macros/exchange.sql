{#- Hands this model to Python as exchange/<name>.parquet, in the order of its key; for models with `exchange_order` in
    their meta, by their materialization. -#}
{% macro export_to_exchange(order_by) -%}
copy (select * from {{ this }} order by {{ order_by }})
to '{{ target.path | replace("/warehouse.duckdb", "") }}/exchange/{{ this.identifier }}.parquet' (format parquet, compression zstd)
{%- endmacro %}
