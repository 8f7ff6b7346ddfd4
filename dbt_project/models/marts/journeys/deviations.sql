with planned_episodes as (
    select
        episodes.episode_id,
        episodes.journey_id,
        episodes.person_id,
        episodes.episode_type as plan,
        episodes.is_open,
        episodes.end_ts,
        -- Who cancels owes no visit.
        coalesce(episodes.outcome = 'cancelled', false) as is_called_off
    from {{ ref('episodes') }} as episodes
    where episodes.episode_type in (select plans.plan from {{ ref('journey_plans') }} as plans)
),

happened as (
    select
        planned_episodes.episode_id,
        placed.activity_id,
        placed.position,
        touchpoints.activity,
        touchpoints.ts,
        touchpoints.is_failed,
        plans.plan is not null as is_planned,
        plans.step_number,
        plans.longest_wait_seconds,
        row_number() over (
            partition by planned_episodes.episode_id, touchpoints.activity order by placed.position
        ) as occurrence
    from planned_episodes
    inner join {{ ref('journey_touchpoints') }} as placed on planned_episodes.episode_id = placed.episode_id
    inner join {{ ref('touchpoints') }} as touchpoints on placed.activity_id = touchpoints.activity_id
    left join {{ ref('journey_plans') }} as plans
        on planned_episodes.plan = plans.plan and touchpoints.activity = plans.activity
),

-- Steps with a place in the plan where they first happened, in the order in which they happened.
steps as (
    select
        happened.*,
        max(happened.step_number) over (
            partition by happened.episode_id order by happened.position
            rows between unbounded preceding and 1 preceding
        ) as furthest_step,
        lag(happened.ts) over (partition by happened.episode_id order by happened.position) as previous_ts
    from happened
    where happened.step_number is not null and happened.occurrence = 1
),

found as (
    select
        planned_episodes.episode_id,
        'missing' as kind,
        plans.activity,
        cast(null as bigint) as activity_id,
        planned_episodes.end_ts as ts,
        plans.step_number,
        cast(null as bigint) as expected_seconds,
        cast(null as bigint) as actual_seconds
    from planned_episodes
    inner join {{ ref('journey_plans') }} as plans on planned_episodes.plan = plans.plan
    left join happened
        on
            planned_episodes.episode_id = happened.episode_id
            and plans.activity = happened.activity
            and happened.occurrence = 1
    where
        plans.is_required
        and happened.episode_id is null
        and not planned_episodes.is_open
        and not planned_episodes.is_called_off

    union all

    select
        episode_id,
        'ad_hoc' as kind,
        activity,
        activity_id,
        ts,
        cast(null as integer) as step_number,
        cast(null as bigint) as expected_seconds,
        cast(null as bigint) as actual_seconds
    from happened
    where not is_planned

    union all

    select
        episode_id,
        'failed' as kind,
        activity,
        activity_id,
        ts,
        step_number,
        cast(null as bigint) as expected_seconds,
        cast(null as bigint) as actual_seconds
    from happened
    where is_failed

    union all

    select
        episode_id,
        'out_of_order' as kind,
        activity,
        activity_id,
        ts,
        step_number,
        cast(null as bigint) as expected_seconds,
        cast(null as bigint) as actual_seconds
    from steps
    where step_number < furthest_step

    union all

    select
        episode_id,
        'late' as kind,
        activity,
        activity_id,
        ts,
        step_number,
        longest_wait_seconds as expected_seconds,
        cast({{ seconds_between('previous_ts', 'ts') }} as bigint) as actual_seconds
    from steps
    where {{ seconds_between('previous_ts', 'ts') }} > longest_wait_seconds
)

select
    found.episode_id,
    planned_episodes.journey_id,
    planned_episodes.person_id,
    planned_episodes.plan,
    found.kind,
    found.activity,
    found.activity_id,
    found.ts,
    found.step_number,
    found.expected_seconds,
    found.actual_seconds
from found
inner join planned_episodes on found.episode_id = planned_episodes.episode_id
