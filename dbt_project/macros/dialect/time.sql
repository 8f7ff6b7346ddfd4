{#- A UTC timestamp as the organisation's local wall time (var time_zone). -#}
{% macro local_time(ts) -%}
{{ return(adapter.dispatch('local_time')(ts)) }}
{%- endmacro %}

{% macro default__local_time(ts) -%}
from_utc_timestamp({{ ts }}, '{{ var("time_zone") }}')
{%- endmacro %}

{% macro duckdb__local_time(ts) -%}
timezone('{{ var("time_zone") }}', timezone('UTC', {{ ts }}))
{%- endmacro %}
