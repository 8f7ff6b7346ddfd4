-- Every touchpoint in its place with what the map's marts count. Grain: one row per touchpoint.

select
    placed.journey_id,
    placed.episode_id,
    placed.activity_id,
    placed.position,
    {{ subject_id('touchpoints') }} as subject_id,
    journeys.journey_type,
    cast(date_trunc('quarter', {{ local_time('journeys.start_ts') }}) as date) as period_start,
    coalesce(people.generation, 'unknown') as generation,
    coalesce(touchpoints.sub_sector, 'unknown') as sub_sector,
    coalesce(touchpoints.department_id, 'unknown') as department_id,
    coalesce(touchpoints.stage, 'unknown') as stage,
    touchpoints.activity,
    coalesce(touchpoints.channel, 'unknown') as channel,
    touchpoints.ts,
    case when touchpoints.wait_seconds >= 0 then touchpoints.wait_seconds end as wait_seconds,
    coalesce(touchpoints.wait_seconds > waits.acceptable_seconds, false) as is_long_wait,
    touchpoints.sentiment,
    touchpoints.is_failed,
    -- A second call about the same reason, or a failed act tried again in the same episode.
    coalesce(
        (
            touchpoints.activity = 'called'
            and row_number() over (
                partition by placed.episode_id, touchpoints.activity order by placed.position
            ) > 1
        )
        or lag(touchpoints.is_failed) over (
            partition by placed.episode_id, touchpoints.activity order by placed.position
        ), false
    ) as is_repeat
from {{ ref('journey_touchpoints') }} as placed
inner join {{ ref('touchpoints') }} as touchpoints on placed.activity_id = touchpoints.activity_id
inner join {{ ref('journeys') }} as journeys on placed.journey_id = journeys.journey_id
left join {{ ref('dim_person') }} as people on touchpoints.person_id = people.person_id
left join {{ ref('acceptable_waits') }} as waits on touchpoints.wait_type = waits.wait_type
