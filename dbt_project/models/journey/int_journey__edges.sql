-- What directly followed what, in one journey. Grain: one row per pair of neighbouring touchpoints.
-- Materialised once: exact medians over a window that is still being computed would spill at tens of millions of rows.

with steps as (
    select
        placed.journey_id,
        {{ subject_id('touchpoints') }} as subject_id,
        placed.position,
        touchpoints.activity,
        touchpoints.ts
    from {{ ref('journey_touchpoints') }} as placed
    inner join {{ ref('touchpoints') }} as touchpoints on placed.activity_id = touchpoints.activity_id
),

followed as (
    select
        steps.*,
        lead(steps.activity) over (partition by steps.journey_id order by steps.position) as to_activity,
        lead(steps.ts) over (partition by steps.journey_id order by steps.position) as to_ts
    from steps
)

select
    followed.journey_id,
    followed.subject_id,
    journeys.journey_type,
    cast(date_trunc('quarter', {{ local_time('journeys.start_ts') }}) as date) as period_start,
    followed.activity as from_activity,
    followed.to_activity,
    cast({{ seconds_between('followed.ts', 'followed.to_ts') }} as bigint) as elapsed_seconds
from followed
inner join {{ ref('journeys') }} as journeys on followed.journey_id = journeys.journey_id
where followed.to_activity is not null
