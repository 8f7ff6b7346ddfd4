{%- set scopes = {
    'all': [],
    'journey_type': ['journey_type'],
    'quarter': ['period_start'],
    'journey_type_quarter': ['journey_type', 'period_start'],
} %}

with {{ activity_numbers() }},

measured as (
    {%- for scope, columns in scopes.items() %}
        select
            '{{ scope }}' as scope,
            {{ 'journey_type' if 'journey_type' in columns else "'all' as journey_type" }},
            {{ 'period_start' if 'period_start' in columns else 'cast(null as date) as period_start' }},
            from_number,
            to_number,
            count(*) as frequency,
            count(distinct subject_id) as persons,
            {{ exact_mean('elapsed_seconds') }} as mean_seconds,
            {{ quantiles('elapsed_seconds', [0.5, 0.9]) }} as quantiles_seconds
        from {{ ref('int_journey__edges') }}
        group by {{ (columns + ['from_number', 'to_number']) | join(', ') }}
        {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    measured.scope,
    measured.journey_type,
    measured.period_start,
    earlier.activity as from_activity,
    later.activity as to_activity,
    measured.frequency,
    measured.persons,
    measured.mean_seconds,
    {{ list_item('measured.quantiles_seconds', 1) }} as median_seconds,
    {{ list_item('measured.quantiles_seconds', 2) }} as p90_seconds
from measured
inner join activities as earlier on measured.from_number = earlier.activity_number
inner join activities as later on measured.to_number = later.activity_number
