{#- A JSON object as text from name -> SQL expression. -#}
{% macro json_record(fields) -%}
{{ return(adapter.dispatch('json_record')(fields)) }}
{%- endmacro %}

{% macro default__json_record(fields) -%}
to_json(named_struct({% for name, value in fields.items() %}'{{ name }}', {{ value }}{{ ', ' if not loop.last }}{% endfor %}))
{%- endmacro %}

{% macro duckdb__json_record(fields) -%}
cast(json_object({% for name, value in fields.items() %}'{{ name }}', {{ value }}{{ ', ' if not loop.last }}{% endfor %}) as varchar)
{%- endmacro %}
