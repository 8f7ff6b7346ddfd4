{#- The start of a calendar day of the organisation (var time_zone) as a UTC timestamp: where a
    date without time stands. -#}
{% macro start_of_local_day(day) -%}
{{ return(adapter.dispatch('start_of_local_day')(day)) }}
{%- endmacro %}

{% macro default__start_of_local_day(day) -%}
to_utc_timestamp(cast({{ day }} as timestamp), '{{ var("time_zone") }}')
{%- endmacro %}

{% macro duckdb__start_of_local_day(day) -%}
timezone('UTC', timezone('{{ var("time_zone") }}', cast({{ day }} as timestamp)))
{%- endmacro %}

{#- How many different days of one calendar year a group names. -#}
{% macro distinct_days_of_year(day) -%}
{{ return(adapter.dispatch('distinct_days_of_year')(day)) }}
{%- endmacro %}

{% macro default__distinct_days_of_year(day) -%}
count(distinct {{ day }})
{%- endmacro %}

{#- A bit a day: millions of small groups need no hash table of days beside theirs. -#}
{% macro duckdb__distinct_days_of_year(day) -%}
bit_count(bitstring_agg(dayofyear({{ day }}), 1, 366))
{%- endmacro %}
