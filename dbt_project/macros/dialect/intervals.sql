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

{#- Seconds from one timestamp to another with their fraction: logs of systems count milliseconds. -#}
{% macro exact_seconds_between(start_ts, end_ts) -%}
{{ return(adapter.dispatch('exact_seconds_between')(start_ts, end_ts)) }}
{%- endmacro %}

{% macro default__exact_seconds_between(start_ts, end_ts) -%}
(cast({{ end_ts }} as double) - cast({{ start_ts }} as double))
{%- endmacro %}

{% macro duckdb__exact_seconds_between(start_ts, end_ts) -%}
(cast(epoch_us({{ end_ts }}) - epoch_us({{ start_ts }}) as double) / 1000000)
{%- endmacro %}

{#- Days that are Monday to Friday after one date, up to and with another: whole weeks by five, the rest by weekday.
    Weekday numbers: Monday 1 .. Sunday 7. -#}
{% macro business_days_between(start_date, end_date) -%}
(
    5 * cast(floor({{ days_between(start_date, end_date) }} / 7.0) as integer)
    + case
        when {{ days_between(start_date, end_date) }} % 7 = 0 then 0
        when {{ iso_weekday(end_date) }} < {{ iso_weekday(start_date) }}
            then least({{ iso_weekday(end_date) }}, 5) + greatest(0, 5 - {{ iso_weekday(start_date) }})
        else least({{ iso_weekday(end_date) }}, 5) - least({{ iso_weekday(start_date) }}, 5)
    end
)
{%- endmacro %}

{#- Monday 1 .. Sunday 7. -#}
{% macro iso_weekday(day) -%}
{{ return(adapter.dispatch('iso_weekday')(day)) }}
{%- endmacro %}

{% macro default__iso_weekday(day) -%}
(weekday({{ day }}) + 1)
{%- endmacro %}

{% macro duckdb__iso_weekday(day) -%}
isodow({{ day }})
{%- endmacro %}
