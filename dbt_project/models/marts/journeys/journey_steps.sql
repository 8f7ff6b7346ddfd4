{%- set scopes = {
    'all': [],
    'journey_type': ['journey_type'],
    'journey_type_quarter': ['journey_type', 'period_start'],
    'generation': ['generation'],
    'sub_sector': ['sub_sector'],
    'journey_type_generation': ['journey_type', 'generation'],
    'journey_type_sub_sector': ['journey_type', 'sub_sector'],
} %}

{%- set dimensions = {} %}
{%- for scope, columns in scopes.items() %}
    {%- do dimensions.update({scope: [
        "'" ~ scope ~ "' as scope",
        'journey_type' if 'journey_type' in columns else "'all' as journey_type",
        (columns | select('in', ['generation', 'sub_sector']) | first | default("'all'")) ~ ' as segment',
        'period_start' if 'period_start' in columns else 'cast(null as date) as period_start',
    ] | join(', ')}) %}
{%- endfor %}

-- One number a place: what tens of millions of touchpoints are grouped by, once a scope.
with places as (
    select
        places.stage,
        places.activity,
        places.channel,
        row_number() over (order by places.stage, places.activity, places.channel) as place_number
    from (
        select distinct
            steps.stage,
            steps.activity,
            steps.channel
        from {{ ref('int_journey__steps') }} as steps
    ) as places
),

steps as (
    select
        steps.journey_type,
        steps.period_start,
        steps.generation,
        steps.sub_sector,
        places.place_number,
        steps.journey_id,
        steps.subject_id,
        steps.wait_seconds,
        steps.sentiment,
        steps.is_failed,
        steps.is_failed or steps.is_long_wait or steps.is_repeat as is_pain
    from {{ ref('int_journey__steps') }} as steps
    inner join places
        on
            steps.stage = places.stage
            and steps.activity = places.activity
            and steps.channel = places.channel
),

totals as (
    {%- for scope, columns in scopes.items() %}
        select
            {{ dimensions[scope] }},
            count(distinct journey_id) as n_journeys
        from steps
        {{ 'group by ' ~ columns | join(', ') if columns }}
        {{ 'union all' if not loop.last }}
    {%- endfor %}
),

measured as (
    {%- for scope, columns in scopes.items() %}
        select
            {{ dimensions[scope] }},
            place_number,
            count(*) as n,
            count(distinct journey_id) as n_journeys,
            count(distinct subject_id) as n_persons,
            count(wait_seconds) as n_waits,
            {{ quantiles('wait_seconds', [0.5, 0.9]) }} as quantiles_seconds,
            {{ exact_mean('sentiment') }} as sentiment,
            avg(case when is_failed then 1.0 else 0.0 end) as fail_rate,
            avg(case when is_pain then 1.0 else 0.0 end) as pain_share
        from steps
        group by {{ (columns + ['place_number']) | join(', ') }}
        {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    measured.scope,
    measured.journey_type,
    measured.segment,
    measured.period_start,
    places.stage,
    places.activity,
    places.channel,
    measured.n,
    measured.n_journeys,
    measured.n_persons,
    cast(measured.n_journeys as double) / totals.n_journeys as reach,
    measured.n_waits,
    {{ list_item('measured.quantiles_seconds', 1) }} as median_wait_seconds,
    {{ list_item('measured.quantiles_seconds', 2) }} as p90_wait_seconds,
    measured.sentiment,
    cast(measured.n as double) / measured.n_journeys as effort,
    measured.fail_rate,
    100 * measured.pain_share as pain_score,
    {{ journey_rule('rule_version') }} as rule_version
from measured
inner join places on measured.place_number = places.place_number
inner join totals
    on
        measured.scope = totals.scope
        and measured.journey_type = totals.journey_type
        and measured.segment = totals.segment
        and measured.period_start is not distinct from totals.period_start
