{%- set kinds = {
    'wait': 'is_long_wait',
    'repeat': 'is_repeat',
    'transfer': "activity = 'transferred_call'",
    'abandon': "activity in ('abandoned_call', 'left_without_being_seen')",
    'fail': "is_failed and activity not in ('abandoned_call', 'left_without_being_seen')",
} %}

with frictions as (
    {%- for kind, condition in kinds.items() %}
        select
            '{{ kind }}' as kind,
            activity_id,
            journey_id,
            subject_id,
            department_id,
            stage,
            activity,
            channel,
            wait_seconds
        from {{ ref('int_journey__steps') }}
        where {{ condition }}
        {{ 'union all' if not loop.last }}
    {%- endfor %}
),

places as (
    select
        department_id,
        stage,
        activity,
        channel,
        count(*) as n_touchpoints
    from {{ ref('int_journey__steps') }}
    group by department_id, stage, activity, channel
)

select
    frictions.kind,
    frictions.department_id,
    frictions.stage,
    frictions.activity,
    frictions.channel,
    count(*) as n,
    count(distinct frictions.journey_id) as n_journeys,
    count(distinct frictions.subject_id) as n_persons,
    places.n_touchpoints,
    cast(count(*) as double) / places.n_touchpoints as share,
    cast(sum(frictions.wait_seconds) as bigint) as wait_seconds
from frictions
inner join places
    on
        frictions.department_id = places.department_id
        and frictions.stage = places.stage
        and frictions.activity = places.activity
        and frictions.channel = places.channel
group by
    frictions.kind, frictions.department_id, frictions.stage, frictions.activity, frictions.channel,
    places.n_touchpoints
