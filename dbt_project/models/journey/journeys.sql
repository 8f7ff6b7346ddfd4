{{ config(schema='marts', access='public', contract={'enforced': true}) }}

with steps as (
    select
        placed.journey_id,
        placed.position,
        touchpoints.person_id,
        touchpoints.anonymous_id,
        touchpoints.ts,
        touchpoints.ts_end,
        touchpoints.activity,
        touchpoints.stage,
        touchpoints.channel,
        touchpoints.department_id,
        touchpoints.wait_seconds,
        touchpoints.is_failed
    from {{ ref('journey_touchpoints') }} as placed
    inner join {{ ref('touchpoints') }} as touchpoints on placed.activity_id = touchpoints.activity_id
),

channel_changes as (
    select
        steps.journey_id,
        case
            when steps.channel <> lag(steps.channel) over (
                partition by steps.journey_id order by steps.position
            ) then 1
            else 0
        end as is_switch
    from steps
    where steps.channel is not null
),

switches as (
    select
        journey_id,
        sum(is_switch) as n_channel_switches
    from channel_changes
    group by journey_id
),

totals as (
    select
        journey_id,
        min(person_id) as person_id,
        {{ first_known('anonymous_id', 'position') }} as anonymous_id,
        min(ts) as start_ts,
        max(case when ts_end > ts then ts_end else ts end) as end_ts,
        count(*) as n_touchpoints,
        count(distinct channel) as n_channels,
        sum(case when is_failed then 1 else 0 end) as n_failed,
        count(distinct department_id) as n_departments,
        -- A negative wait is a data error (wait_times quarantines it) and must not shorten the others.
        sum(case when wait_seconds > 0 then wait_seconds else 0 end) as total_wait_seconds,
        {{ first_known('stage', 'position') }} as first_stage,
        max_by(stage, case when stage is not null then position end) as last_stage,
        {{ joined_in_order('activity', ' > ', 'position') }} as variant_path
    from steps
    group by journey_id
),

episode_order as (
    select
        linked.journey_id,
        episodes.is_open,
        episodes.n_calls,
        row_number() over (
            partition by linked.journey_id order by episodes.end_ts desc, episodes.episode_id desc
        ) as recency
    from {{ ref('int_journey__linked') }} as linked
    inner join {{ ref('int_journey__episodes') }} as episodes on linked.episode_id = episodes.episode_id
),

last_episodes as (
    select
        journey_id,
        max(case when recency = 1 and is_open then 1 else 0 end) = 1 as is_last_open,
        -- A repeat is a further call about the same reason; transfers and callbacks of one call are not.
        sum(case when n_calls > 1 then n_calls - 1 else 0 end) as n_repeat_contacts
    from episode_order
    group by journey_id
),

-- When the journey would end by silence: sooner after a closed last episode than after an open one.
silences as (
    select
        totals.journey_id,
        totals.end_ts + case
            when last_episodes.is_last_open then interval {{ journey_rule('gap_after_days') }} days
            else interval {{ journey_rule('resolved_after_days') }} days
        end as silent_at,
        last_episodes.is_last_open,
        last_episodes.n_repeat_contacts
    from totals
    inner join last_episodes on totals.journey_id = last_episodes.journey_id
),

ends as (
    select
        silences.journey_id,
        silences.n_repeat_contacts,
        case
            when
                cast(people.deceased_on as timestamp) <= silences.silent_at
                and cast(people.deceased_on as timestamp) <= {{ as_of() }}
                then 'death'
            when silences.silent_at > {{ as_of() }} then 'open'
            when silences.is_last_open then 'gap'
            else 'resolved'
        end as end_reason
    from silences
    inner join totals on silences.journey_id = totals.journey_id
    left join {{ ref('dim_person') }} as people on totals.person_id = people.person_id
)

select
    totals.journey_id,
    totals.person_id,
    totals.anonymous_id,
    types.journey_type,
    types.anchor_activity_id,
    totals.start_ts,
    totals.end_ts,
    ends.end_reason,
    ends.end_reason = 'open' as is_open,
    cast(totals.n_touchpoints as integer) as n_touchpoints,
    cast(totals.n_channels as integer) as n_channels,
    cast(coalesce(switches.n_channel_switches, 0) as integer) as n_channel_switches,
    cast(totals.n_failed as integer) as n_failed,
    cast(ends.n_repeat_contacts as integer) as n_repeat_contacts,
    cast(totals.n_departments as integer) as n_departments,
    cast(totals.total_wait_seconds as bigint) as total_wait_seconds,
    cast({{ seconds_between('totals.start_ts', 'totals.end_ts') }} as bigint) as elapsed_seconds,
    totals.first_stage,
    totals.last_stage,
    md5(totals.variant_path) as variant_hash,
    totals.variant_path,
    {{ journey_rule('rule_version') }} as rule_version
from totals
inner join ends on totals.journey_id = ends.journey_id
inner join {{ ref('int_journey__types') }} as types on totals.journey_id = types.journey_id
left join switches on totals.journey_id = switches.journey_id
