{#- Tables, views and seeds, replaced in place. DuckDB replaces inside a transaction, so a failed build leaves the old one;
    the adapter's own materializations rename twice and drop, which triples the statements of a night of small tables.
    Library nights make the same statements without dbt (orchestration/lake/warehouse.py); a test compares the rows. -#}
{% materialization table, adapter='duckdb' %}
    {{ start_replacing('table') }}
    {% call statement('main') -%}
    {%- if config.get('contract').enforced %}
    {{ get_assert_columns_equivalent(compiled_code) }}
    create or replace table {{ this }}
    {{ get_table_columns_and_constraints() }};
    insert into {{ this }} {{ get_column_names() }} (
        {{ get_select_subquery(compiled_code) }}
    )
    {%- else %}
    create or replace table {{ this }} as (
        {{ compiled_code }}
    )
    {%- endif %}
    {%- endcall %}
    {{ finish_replacing() }}
    {{ return({'relations': [this.incorporate(type='table')]}) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
    {{ start_replacing('view') }}
    {% call statement('main') -%}
    create or replace view {{ this }} as (
        {{ compiled_code }}
    )
    {%- endcall %}
    {{ finish_replacing() }}
    {{ return({'relations': [this.incorporate(type='view')]}) }}
{% endmaterialization %}

{#- With the types that the seed's YAML declares. The adapter's own parses each file twice and keeps an older table's
    columns: a seed that gained one would fail in a warehouse of last month. -#}
{% materialization seed, adapter='duckdb' %}
    {{ start_replacing('table') }}
    {% call statement('main') -%}
    create or replace table {{ this }} as
    select *
    from read_csv(
        '{{ adapter.get_seed_file_path(model) }}', header = true, delim = ',', quote = '"', escape = '"',
        types = {{ config.get('column_types') }}
    )
    {%- endcall %}
    {%- do store_result('agate_table', response='OK', agate_table=none) %}
    {{ finish_replacing() }}
    {{ return({'relations': [this.incorporate(type='table')]}) }}
{% endmaterialization %}

{#- Hooks before, and room for this relation where one of another kind stands. -#}
{% macro start_replacing(kind) %}
    {%- set existing = load_cached_relation(this) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if existing is not none and existing.type != kind %}{% do adapter.drop_relation(existing) %}{% endif %}
{% endmacro %}

{#- The copy for Python where one is asked for; hooks after, and the commit between them. -#}
{% macro finish_replacing() %}
    {%- set exchange_order = config.get('meta', {}).get('exchange_order') -%}
    {%- if exchange_order %}{% do run_query(export_to_exchange(exchange_order)) %}{% endif %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
{% endmacro %}
