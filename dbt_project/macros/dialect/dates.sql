{#-
A date of birth as sources write it, as a DATE: ISO, compact ISO, and the American month first; day and month swapped where
only that makes a date. A two-digit year is the latest one that is not after `as_of_date`. Null where nothing fits.
-#}
{% macro parse_birth_date(text, as_of_date) -%}
{{ return(adapter.dispatch('parse_birth_date')(text, as_of_date)) }}
{%- endmacro %}

{% macro duckdb__parse_birth_date(text, as_of_date) -%}
case
    when regexp_full_match({{ text }}, '\d{4}-\d{2}-\d{2}([T ].*)?')
        then try_strptime(left({{ text }}, 10), ['%Y-%m-%d', '%Y-%d-%m'])::date
    when regexp_full_match({{ text }}, '\d{8}')
        then try_strptime({{ text }}, ['%Y%m%d', '%Y%d%m'])::date
    when regexp_full_match({{ text }}, '\d{1,2}[/-]\d{1,2}[/-]\d{4}')
        then try_strptime(replace({{ text }}, '-', '/'), ['%m/%d/%Y', '%d/%m/%Y'])::date
    when regexp_full_match({{ text }}, '\d{1,2}/\d{1,2}/\d{2}')
        then try_strptime(
            regexp_replace({{ text }}, '\d{2}$', '')
            || case
                when right({{ text }}, 2)::int + 2000 > year({{ as_of_date }}) then '19' else '20'
            end
            || right({{ text }}, 2),
            ['%m/%d/%Y', '%d/%m/%Y']
        )::date
end
{%- endmacro %}
