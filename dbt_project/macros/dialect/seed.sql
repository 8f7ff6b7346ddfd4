{#- A seed, replaced in place with the types that its YAML declares. The adapter's own materialization parses each file
    twice and keeps an older table's columns: a seed that gained one would fail in a warehouse of last month. -#}
{% materialization seed, adapter='duckdb' %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_table = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if existing is not none and not existing.is_table %}{% do adapter.drop_relation(existing) %}{% endif %}
    {% call statement('main') -%}
    create or replace table {{ target_table }} as
    select *
    from read_csv(
        '{{ adapter.get_seed_file_path(model) }}', header = true, delim = ',', quote = '"', escape = '"',
        types = {{ config.get('column_types') }}
    )
    {%- endcall %}
    {%- do store_result('agate_table', response='OK', agate_table=none) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_table]}) }}
{% endmaterialization %}
