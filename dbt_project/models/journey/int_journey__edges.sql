-- What directly followed what, in one journey. Grain: one row per pair of neighbouring touchpoints.
-- Materialised once: exact medians over a window that is still being computed would spill at tens of millions of rows.

with followed as (
    select
        steps.journey_id,
        steps.subject_id,
        steps.journey_type,
        steps.period_start,
        steps.activity as from_activity,
        steps.ts as from_ts,
        lead(steps.activity) over (partition by steps.journey_id order by steps.position) as to_activity,
        lead(steps.ts) over (partition by steps.journey_id order by steps.position) as to_ts
    from {{ ref('int_journey__steps') }} as steps
)

select
    followed.journey_id,
    followed.subject_id,
    followed.journey_type,
    followed.period_start,
    followed.from_activity,
    followed.to_activity,
    {{ exact_seconds_between('followed.from_ts', 'followed.to_ts') }} as elapsed_seconds
from followed
where followed.to_activity is not null
