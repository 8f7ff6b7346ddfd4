{#- A UTC timestamp as the organisation's local wall time (var time_zone). -#}
{% macro local_time(ts) -%}
{{ return(adapter.dispatch('local_time')(ts)) }}
{%- endmacro %}

{% macro default__local_time(ts) -%}
from_utc_timestamp({{ ts }}, '{{ var("time_zone") }}')
{%- endmacro %}

{#- An instant from microseconds: through `timezone('UTC', ...)` a calendar would be asked twice a row. -#}
{% macro duckdb__local_time(ts) -%}
timezone('{{ var("time_zone") }}', make_timestamptz(epoch_us({{ ts }})))
{%- endmacro %}
