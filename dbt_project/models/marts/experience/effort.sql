-- One row per episode: what it cost the patient, raw counts only (an index over them would be a choice).
with touched as (
    select
        members.episode_id,
        touchpoint.person_id,
        touchpoint.activity_id,
        touchpoint.activity,
        touchpoint.channel,
        touchpoint.initiator,
        touchpoint.touchpoint_type,
        touchpoint.is_failed,
        touchpoint.wait_seconds,
        touchpoint.wait_type,
        touchpoint.ts,
        lag(touchpoint.channel) over episode_order as channel_before,
        lag(touchpoint.ts) over (
            partition by members.episode_id, touchpoint.activity
            order by touchpoint.ts, touchpoint.event_seq, touchpoint.activity_id
        ) as same_activity_before_at
    from {{ ref('journey_touchpoints') }} as members
    inner join {{ ref('touchpoints') }} as touchpoint on members.activity_id = touchpoint.activity_id
    window episode_order as (
        partition by members.episode_id
        order by touchpoint.ts, touchpoint.event_seq, touchpoint.activity_id
    )
),

counted as (
    select
        touched.episode_id,
        count(*) as n_touchpoints,
        sum(case
            when touched.initiator = 'patient' and touched.activity in ('called', 'sent_message') then 1 else 0
        end) as n_contacts,
        sum(case when touched.channel <> touched.channel_before then 1 else 0 end) as n_channel_switches,
        sum(case when touched.activity = 'transferred_call' then 1 else 0 end) as n_transfers,
        sum(case
            when
                touched.activity in ('called', 'sent_message')
                and touched.initiator = 'patient'
                and touched.ts
                <= touched.same_activity_before_at + interval {{ measure_parameter('repeat_contact_days') }} day
                then 1
            else 0
        end) as n_repeat_contacts,
        sum(case when touched.is_failed then 1 else 0 end) as n_failed,
        -- Waits that a person sits through; days until a visit are no minutes of effort.
        sum(case
            when touched.wait_type in ('queue', 'lobby', 'exam') and touched.wait_seconds > 0
                then touched.wait_seconds
            else 0
        end) / 60.0 as wait_minutes
    from touched
    group by touched.episode_id
)

select
    'EFFORT' as measure_id,
    {{ measure_parameter('spec_version') }} as spec_version,
    episode.episode_id,
    episode.journey_id,
    episode.person_id,
    episode.episode_type,
    episode.department_id,
    episode.sub_sector,
    cast({{ local_time('episode.start_ts') }} as date) as started_on,
    episode.is_open,
    cast(counted.n_touchpoints as integer) as n_touchpoints,
    cast(counted.n_contacts as integer) as n_contacts,
    cast(counted.n_channel_switches as integer) as n_channel_switches,
    cast(counted.n_transfers as integer) as n_transfers,
    cast(counted.n_repeat_contacts as integer) as n_repeat_contacts,
    cast(counted.n_failed as integer) as n_failed,
    cast(counted.wait_minutes as double) as wait_minutes
from {{ ref('episodes') }} as episode
inner join counted on episode.episode_id = counted.episode_id
