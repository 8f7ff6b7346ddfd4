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
