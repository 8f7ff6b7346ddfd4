{#- A table, replaced in place. DuckDB replaces tables inside a transaction, so a failed build leaves the old table; the
    adapter's own materialization renames twice and drops, which triples the statements of a night of small tables. -#}
{% materialization table, adapter='duckdb' %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_table = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if existing is not none and not existing.is_table %}{% do adapter.drop_relation(existing) %}{% endif %}
    {% call statement('main') -%}
    {%- if config.get('contract').enforced %}
    {{ get_assert_columns_equivalent(compiled_code) }}
    create or replace table {{ target_table }}
    {{ get_table_columns_and_constraints() }};
    insert into {{ target_table }} {{ get_column_names() }} (
        {{ get_select_subquery(compiled_code) }}
    )
    {%- else %}
    create or replace table {{ target_table }} as (
        {{ compiled_code }}
    )
    {%- endif %}
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_table]}) }}
{% endmaterialization %}
