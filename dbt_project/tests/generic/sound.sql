{#- A model is sound: its key is never null and never twice, the required columns are filled, the others hold only the
    values named. One query a model, where dbt's own tests are one a column; a row names each rule that is broken.
    Arguments: key (columns), required (columns), accepted (column: values; null is allowed unless required). -#}
{% test sound(model, key=[], required=[], accepted={}) %}
{%- set checks = [] -%}
{%- if key -%}
    {%- do checks.append(
        "select 'key twice: " ~ key | join(', ') ~ "' as broken_rule, count(*) as n_rows from (select "
        ~ key | join(', ') ~ " from " ~ model ~ " group by " ~ key | join(', ') ~ " having count(*) > 1) as twice"
    ) -%}
{%- endif -%}
{%- for column in key + required -%}
    {%- do checks.append(
        "select 'null: " ~ column ~ "' as broken_rule, count(*) as n_rows from " ~ model ~ " where " ~ column ~ " is null"
    ) -%}
{%- endfor -%}
{%- for column, values in accepted.items() -%}
    {%- do checks.append(
        "select 'value not accepted: " ~ column ~ "' as broken_rule, count(*) as n_rows from " ~ model
        ~ " where cast(" ~ column ~ " as varchar) not in ('" ~ values | join("', '") ~ "')"
    ) -%}
{%- endfor -%}
select broken_rule, n_rows
from (
    {{ checks | join('\n    union all\n    ') }}
) as checks
where n_rows > 0
{% endtest %}
