{#- Whole calendar days from one date to another. -#}
{% macro days_between(start_date, end_date) -%}
{{ return(adapter.dispatch('days_between')(start_date, end_date)) }}
{%- endmacro %}

{% macro default__days_between(start_date, end_date) -%}
datediff({{ end_date }}, {{ start_date }})
{%- endmacro %}

{% macro duckdb__days_between(start_date, end_date) -%}
date_diff('day', {{ start_date }}, {{ end_date }})
{%- endmacro %}

{#- A date some whole days later. -#}
{% macro add_days(day, days) -%}
{{ return(adapter.dispatch('add_days')(day, days)) }}
{%- endmacro %}

{% macro default__add_days(day, days) -%}
date_add({{ day }}, cast({{ days }} as int))
{%- endmacro %}

{% macro duckdb__add_days(day, days) -%}
cast({{ day }} + cast({{ days }} as integer) as date)
{%- endmacro %}

{#- Whole seconds from one timestamp to another. -#}
{% macro seconds_between(start_ts, end_ts) -%}
{{ return(adapter.dispatch('seconds_between')(start_ts, end_ts)) }}
{%- endmacro %}

{% macro default__seconds_between(start_ts, end_ts) -%}
(unix_timestamp({{ end_ts }}) - unix_timestamp({{ start_ts }}))
{%- endmacro %}

{% macro duckdb__seconds_between(start_ts, end_ts) -%}
date_diff('second', {{ start_ts }}, {{ end_ts }})
{%- endmacro %}
