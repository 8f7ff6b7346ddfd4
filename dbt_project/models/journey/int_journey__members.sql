-- The episode of every touchpoint. Grain: one row per touchpoint.
-- A touchpoint whose ids name no episode joins the open episode of the same subject and department that had an event at
-- most idle_join_hours before it (the latest such event decides), else stands alone as a `contact`. Joining does not
-- prolong the episode: only events with ids are joined to, so no chain of joins has to be followed.

with unnamed as (
    select
        touchpoints.activity_id,
        {{ subject_id('touchpoints') }} as subject_id,
        touchpoints.ts,
        touchpoints.event_seq,
        touchpoints.department_id
    from {{ ref('touchpoints') }} as touchpoints
    left join {{ ref('int_journey__named') }} as named on touchpoints.activity_id = named.activity_id
    where named.activity_id is null
),

candidates as (
    select
        unnamed.activity_id,
        named.episode_type,
        named.episode_name,
        row_number() over (
            partition by unnamed.activity_id
            order by named.ts desc, named.event_seq desc, named.activity_id desc
        ) as recency
    from unnamed
    inner join {{ ref('int_journey__named') }} as named
        on unnamed.subject_id = named.subject_id and unnamed.department_id = named.department_id
    where
        (named.ts, named.event_seq, named.activity_id) < (unnamed.ts, unnamed.event_seq, unnamed.activity_id)
        and named.ts >= unnamed.ts - interval {{ journey_rule('idle_join_hours') }} hours
        and (named.open_until is null or named.open_until >= unnamed.ts)
),

assigned as (
    select
        named.activity_id,
        named.subject_id,
        named.ts,
        named.event_seq,
        named.episode_type,
        named.episode_name
    from {{ ref('int_journey__named') }} as named
    union all
    select
        unnamed.activity_id,
        unnamed.subject_id,
        unnamed.ts,
        unnamed.event_seq,
        coalesce(candidates.episode_type, 'contact') as episode_type,
        coalesce(candidates.episode_name, 'contact|' || cast(unnamed.activity_id as varchar)) as episode_name
    from unnamed
    left join candidates on unnamed.activity_id = candidates.activity_id and candidates.recency = 1
),

-- One thing told about two subjects (a parent's account, a child's visit) is an episode of each. The first to appear
-- has number 1, so an episode's id depends on the thing alone and never on the key of the person.
episodes as (
    select
        subject_id,
        episode_name,
        row_number() over (partition by episode_name order by min(ts), min(activity_id)) as subject_number
    from assigned
    group by subject_id, episode_name
),

identified as (
    select
        assigned.*,
        {{ stable_key(['assigned.episode_name', 'episodes.subject_number']) }} as episode_id
    from assigned
    inner join episodes
        on assigned.subject_id = episodes.subject_id and assigned.episode_name = episodes.episode_name
)

select
    identified.activity_id,
    identified.episode_id,
    identified.subject_id,
    identified.episode_type,
    identified.ts,
    identified.event_seq,
    row_number() over (partition by identified.episode_id order by {{ event_order('identified') }}) as episode_position
from identified
