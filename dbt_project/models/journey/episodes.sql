{{ config(schema='marts', access='public', contract={'enforced': true}) }}

with answers as (
    select
        members.episode_id,
        members.subject_id,
        members.ts,
        answers.metric,
        -- An old effort scale runs the other way; high is easy here.
        case
            when answers.scale_direction = 'lower_is_better'
                then answers.scale_min + answers.scale_max - answers.score
            else answers.score
        end as score
    from {{ ref('int_journey__members') }} as members
    inner join {{ ref('touchpoints') }} as touchpoints on members.activity_id = touchpoints.activity_id
    inner join {{ ref('stg_surveys__answers') }} as answers on touchpoints.source_record_id = answers.response_id
    where touchpoints.activity = 'answered_survey'
),

scores as (
    select
        episode_id,
        subject_id,
        avg(case when metric = 'nps' then score end) as nps,
        avg(case when metric = 'csat' then score end) as csat,
        avg(case when metric = 'ces' then score end) as ces,
        min(
            case
                when
                    (metric = 'nps' and score <= 6)
                    or (metric = 'csat' and score <= 2)
                    or (metric = 'ces' and score <= 3)
                    then ts
            end
        ) as negative_at
    from answers
    group by episode_id, subject_id
),

-- A person's own word to the patient; reminders, statements and surveys sent by systems close no loop.
outreach as (
    select
        members.subject_id,
        members.ts
    from {{ ref('int_journey__members') }} as members
    inner join {{ ref('touchpoints') }} as touchpoints on members.activity_id = touchpoints.activity_id
    where
        touchpoints.initiator = 'provider'
        and touchpoints.activity in ('sent_message', 'replied_message', 'received_callback', 'called')
),

loops as (
    select
        scores.episode_id,
        min(outreach.ts) as loop_closed_at
    from scores
    inner join outreach on scores.subject_id = outreach.subject_id and scores.negative_at < outreach.ts
    group by scores.episode_id
),

-- The bill of a visit, through the encounter that both name.
bills as (
    select
        visits.subject_id,
        visits.encounter_id,
        min(touchpoints.ts) as billed_at
    from {{ ref('int_journey__visits') }} as visits
    inner join {{ ref('touchpoints') }} as touchpoints on visits.encounter_id = touchpoints.encounter_id
    where touchpoints.activity = 'billed_claim' and {{ subject_id('touchpoints') }} = visits.subject_id
    group by visits.subject_id, visits.encounter_id
),

timed as (
    select
        episodes.*,
        coalesce(episodes.discharged_at, episodes.departed_at, episodes.visit_ended_at) as out_at,
        coalesce(episodes.billed_at, bills.billed_at) as first_billed_at,
        cast({{ local_time('episodes.scheduled_at') }} as date)
        - cast({{ local_time('coalesce(episodes.requested_at, episodes.booked_at)') }} as date) as lead_days
    from {{ ref('int_journey__episodes') }} as episodes
    left join bills on episodes.subject_id = bills.subject_id and episodes.encounter_id = bills.encounter_id
)

select
    timed.episode_id,
    linked.journey_id,
    timed.person_id,
    timed.anonymous_id,
    timed.episode_type,
    timed.start_ts,
    timed.end_ts,
    timed.is_open,
    cast(timed.n_touchpoints as integer) as n_touchpoints,
    timed.encounter_id,
    timed.appointment_id,
    timed.referral_id,
    timed.claim_id,
    timed.call_id,
    timed.thread_id,
    timed.department_id,
    timed.service_line,
    timed.sub_sector,
    coalesce(timed.requested_at, timed.booked_at) as requested_at,
    timed.scheduled_at,
    timed.checked_in_at,
    timed.roomed_at,
    timed.seen_at,
    timed.out_at as discharged_at,
    timed.followed_up_at,
    timed.first_billed_at as billed_at,
    timed.resolved_at,
    -- Times that run backwards are data errors: wait_times counts them in quarantine, here they are unknown.
    case when timed.lead_days >= 0 then cast(timed.lead_days as integer) end as lead_days,
    {{ minutes_forward('timed.checked_in_at', 'timed.roomed_at') }} as checkin_to_room_min,
    {{ minutes_forward('timed.roomed_at', 'timed.seen_at') }} as room_to_seen_min,
    {{ minutes_forward('timed.checked_in_at', 'timed.out_at') }} as los_min,
    case
        when timed.episode_type in ('visit_cycle', 'emergency_visit', 'inpatient_stay')
            then
                case
                    when timed.left_at is not null then 'left_without_being_seen'
                    when timed.is_in_progress then 'in_progress'
                    when timed.visit_ended_at is not null or timed.attended_at is not null then 'completed'
                    when timed.missed_at is not null then 'no_show'
                    when timed.cancelled_at is not null then 'cancelled'
                    when timed.scheduled_at > {{ as_of() }} then 'scheduled'
                    else 'unknown'
                end
        when timed.episode_type = 'referral'
            then case when timed.reported_at is not null then 'report_received' else 'awaiting_report' end
        when timed.episode_type = 'bill'
            then
                case
                    when timed.resolved_at is not null and timed.has_denial then 'denied'
                    when timed.resolved_at is not null then 'settled'
                    else 'unsettled'
                end
        when timed.episode_type = 'phone_issue'
            then
                case
                    when timed.resolved_at is not null then 'resolved'
                    when timed.last_activity = 'abandoned_call' then 'abandoned'
                    else 'unresolved'
                end
        when timed.episode_type = 'message_thread'
            then case when timed.resolved_at is not null then 'answered' else 'unanswered' end
        else timed.last_outcome
    end as outcome,
    timed.missed_at is not null and timed.visit_ended_at is null and timed.attended_at is null as no_show,
    scores.nps,
    scores.csat,
    scores.ces,
    loops.loop_closed_at,
    {{ journey_rule('rule_version') }} as rule_version
from timed
inner join {{ ref('int_journey__linked') }} as linked on timed.episode_id = linked.episode_id
left join scores on timed.episode_id = scores.episode_id
left join loops on timed.episode_id = loops.episode_id
