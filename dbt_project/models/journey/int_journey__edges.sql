-- What directly followed what, in one journey. Grain: one row per pair of neighbouring touchpoints.
-- Materialised once: exact medians over a window that is still being computed would spill at tens of millions of rows.
-- Activities are numbers (macro activity_numbers), and what is the same in a whole journey is joined after the window:
-- tens of millions of rows are sorted here and grouped in journey_edges.

with {{ activity_numbers() }},

followed as (
    select
        steps.journey_id,
        activities.activity_number as from_number,
        steps.ts as from_ts,
        lead(activities.activity_number) over (partition by steps.journey_id order by steps.position) as to_number,
        lead(steps.ts) over (partition by steps.journey_id order by steps.position) as to_ts
    from {{ ref('int_journey__steps') }} as steps
    inner join activities on steps.activity = activities.activity
)

select
    followed.journey_id,
    first_steps.subject_id,
    first_steps.journey_type,
    first_steps.period_start,
    followed.from_number,
    followed.to_number,
    {{ exact_seconds_between('followed.from_ts', 'followed.to_ts') }} as elapsed_seconds
from followed
inner join {{ ref('int_journey__steps') }} as first_steps
    on followed.journey_id = first_steps.journey_id and first_steps.position = 1
where followed.to_number is not null
