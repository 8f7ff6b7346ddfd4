{%- set scopes = {
    'all': [],
    'journey_type': ['journey_type'],
    'quarter': ['period_start'],
    'journey_type_quarter': ['journey_type', 'period_start'],
} %}

{% for scope, columns in scopes.items() -%}
    select
        '{{ scope }}' as scope,
        {{ 'journey_type' if 'journey_type' in columns else "'all' as journey_type" }},
        {{ 'period_start' if 'period_start' in columns else 'cast(null as date) as period_start' }},
        from_activity,
        to_activity,
        count(*) as frequency,
        count(distinct subject_id) as persons,
        avg(elapsed_seconds) as mean_seconds,
        {{ quantile('elapsed_seconds', 0.5) }} as median_seconds,
        {{ quantile('elapsed_seconds', 0.9) }} as p90_seconds
    from {{ ref('int_journey__edges') }}
    group by {{ (columns + ['from_activity', 'to_activity']) | join(', ') }}
    {{ 'union all' if not loop.last }}
{% endfor %}
