-- The episode that a touchpoint's own ids put it in. Grain: one row per touchpoint that has one.
-- The first that applies: bill, phone issue, message thread, referral (its order and its report), encounter,
-- appointment, whatever else names a referral.

with touchpoints as (
    select
        touchpoints.activity_id,
        {{ subject_id('touchpoints') }} as subject_id,
        touchpoints.ts,
        touchpoints.event_seq,
        touchpoints.activity,
        touchpoints.stage,
        touchpoints.department_id,
        touchpoints.encounter_id,
        touchpoints.appointment_id,
        touchpoints.call_id,
        touchpoints.thread_id,
        touchpoints.claim_id,
        touchpoints.referral_id
    from {{ ref('touchpoints') }} as touchpoints
),

-- An appointment whose encounter became part of a stay belongs to that stay.
appointment_visits as (
    select
        visits.subject_id,
        visits.appointment_id,
        visits.episode_name,
        visits.episode_type,
        visits.visit_ended_at,
        row_number() over (
            partition by visits.subject_id, visits.appointment_id
            order by
                case when visits.episode_type = 'visit_cycle' then 1 else 0 end, visits.started_at,
                visits.encounter_id
        ) as preference
    from {{ ref('int_journey__visits') }} as visits
    where visits.appointment_id is not null
),

matched as (
    select
        touchpoints.*,
        calls.episode_name as phone_issue,
        calls.issue_ended_at,
        coalesce(encounters.episode_name, appointments.episode_name) as visit_name,
        coalesce(encounters.episode_type, appointments.episode_type, 'visit_cycle') as visit_type,
        coalesce(encounters.visit_ended_at, appointments.visit_ended_at) as visit_ended_at
    from touchpoints
    left join {{ ref('int_journey__calls') }} as calls
        on touchpoints.subject_id = calls.subject_id and touchpoints.call_id = calls.call_id
    left join {{ ref('int_journey__visits') }} as encounters
        on touchpoints.subject_id = encounters.subject_id and touchpoints.encounter_id = encounters.encounter_id
    left join appointment_visits as appointments
        on
            touchpoints.subject_id = appointments.subject_id
            and touchpoints.appointment_id = appointments.appointment_id
            and appointments.preference = 1
),

named as (
    select
        matched.activity_id,
        matched.subject_id,
        matched.ts,
        matched.event_seq,
        matched.activity,
        matched.department_id,
        case
            when matched.claim_id is not null then 'bill'
            when matched.call_id is not null then 'phone_issue'
            when
                matched.thread_id is not null and matched.activity in ('sent_message', 'replied_message')
                then 'message_thread'
            when
                matched.referral_id is not null and matched.activity in ('referred', 'received_referral_report')
                then 'referral'
            -- What follows a visit is part of its cycle for a while only; its survey is, whenever it is answered.
            when
                matched.ts > matched.visit_ended_at + interval {{ journey_rule('visit_tail_days') }} days
                and matched.stage in ('follow_up', 'loyalty', 'billing')
                and matched.activity not in ('sent_survey', 'answered_survey')
                then 'contact'
            when matched.encounter_id is not null or matched.appointment_id is not null then matched.visit_type
            when matched.referral_id is not null then 'referral'
            else 'contact'
        end as episode_type,
        case
            when matched.claim_id is not null then 'bill|' || matched.claim_id
            when matched.call_id is not null then coalesce(matched.phone_issue, 'phone|' || matched.call_id)
            when
                matched.thread_id is not null and matched.activity in ('sent_message', 'replied_message')
                then 'thread|' || matched.thread_id
            when
                matched.referral_id is not null and matched.activity in ('referred', 'received_referral_report')
                then 'referral|' || matched.referral_id
            when matched.visit_name is not null then matched.visit_name
            when matched.appointment_id is not null then 'appointment|' || matched.appointment_id
            when matched.encounter_id is not null then 'encounter|' || matched.encounter_id
            else 'referral|' || matched.referral_id
        end as episode_name,
        matched.issue_ended_at,
        matched.visit_ended_at,
        matched.claim_id
    from matched
)

select
    named.activity_id,
    named.subject_id,
    named.ts,
    named.event_seq,
    named.department_id,
    named.episode_type,
    named.episode_name,
    -- Until when the episode takes in touchpoints that carry no id; null = nothing has closed it yet.
    case
        when named.episode_type = 'bill' then bills.settled_at
        when named.episode_type = 'phone_issue'
            then named.issue_ended_at + interval {{ journey_rule('phone_gap_days') }} days
        when named.episode_type in ('visit_cycle', 'emergency_visit', 'inpatient_stay')
            then named.visit_ended_at + interval {{ journey_rule('visit_tail_days') }} days
        when named.episode_type = 'referral'
            then max(case when named.activity = 'received_referral_report' then named.ts end) over (
                partition by named.subject_id, named.episode_name
            )
    end as open_until
from named
left join {{ ref('int_journey__bills') }} as bills on named.claim_id = bills.claim_id
where named.episode_type <> 'contact'
