{%- set scopes = {
    'all': [],
    'journey_type': ['journey_type'],
    'journey_type_quarter': ['journey_type', 'period_start'],
    'generation': ['generation'],
    'sub_sector': ['sub_sector'],
    'journey_type_generation': ['journey_type', 'generation'],
    'journey_type_sub_sector': ['journey_type', 'sub_sector'],
} %}

with steps as (
    {%- for scope, columns in scopes.items() %}
        select
            '{{ scope }}' as scope,
            {{ 'journey_type' if 'journey_type' in columns else "'all' as journey_type" }},
            {{ columns | select('in', ['generation', 'sub_sector']) | first | default("'all'") }} as segment,
            {{ 'period_start' if 'period_start' in columns else 'cast(null as date) as period_start' }},
            stage,
            activity,
            channel,
            journey_id,
            subject_id,
            wait_seconds,
            sentiment,
            is_failed,
            is_long_wait,
            is_repeat
        from {{ ref('int_journey__steps') }}
        {{ 'union all' if not loop.last }}
    {%- endfor %}
),

totals as (
    select
        scope,
        journey_type,
        segment,
        period_start,
        count(distinct journey_id) as n_journeys
    from steps
    group by scope, journey_type, segment, period_start
),

measured as (
    select
        scope,
        journey_type,
        segment,
        period_start,
        stage,
        activity,
        channel,
        count(*) as n,
        count(distinct journey_id) as n_journeys,
        count(distinct subject_id) as n_persons,
        count(wait_seconds) as n_waits,
        {{ quantile('wait_seconds', 0.5) }} as median_wait_seconds,
        {{ quantile('wait_seconds', 0.9) }} as p90_wait_seconds,
        avg(sentiment) as sentiment,
        avg(case when is_failed then 1.0 else 0.0 end) as fail_rate,
        avg(case when is_failed or is_long_wait or is_repeat then 1.0 else 0.0 end) as pain_share
    from steps
    group by scope, journey_type, segment, period_start, stage, activity, channel
)

select
    measured.scope,
    measured.journey_type,
    measured.segment,
    measured.period_start,
    measured.stage,
    measured.activity,
    measured.channel,
    measured.n,
    measured.n_journeys,
    measured.n_persons,
    cast(measured.n_journeys as double) / totals.n_journeys as reach,
    measured.n_waits,
    measured.median_wait_seconds,
    measured.p90_wait_seconds,
    measured.sentiment,
    cast(measured.n as double) / measured.n_journeys as effort,
    measured.fail_rate,
    100 * measured.pain_share as pain_score,
    {{ journey_rule('rule_version') }} as rule_version
from measured
inner join totals
    on
        measured.scope = totals.scope
        and measured.journey_type = totals.journey_type
        and measured.segment = totals.segment
        and measured.period_start is not distinct from totals.period_start
