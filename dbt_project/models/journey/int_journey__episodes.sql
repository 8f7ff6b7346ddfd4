-- Episodes before they are linked: when they began and ended, what they are about, the times of their stages.
-- Grain: one row per episode.
{%- set known = ['person_id', 'anonymous_id', 'encounter_id', 'appointment_id', 'referral_id', 'claim_id', 'call_id',
    'thread_id', 'department_id', 'service_line', 'sub_sector'] %}
{%- set first_times = {
    'requested_at': 'requested_appointment', 'booked_at': 'booked_appointment', 'checked_in_at': 'arrived',
    'roomed_at': 'roomed', 'seen_at': 'seen', 'reported_at': 'received_referral_report',
    'call_resolved_at': 'resolved_call', 'billed_at': 'billed_claim',
} %}
{%- set last_times = {
    'departed_at': 'departed', 'discharged_at': 'discharged', 'left_at': 'left_without_being_seen',
    'attended_at': 'attended_appointment', 'missed_at': 'missed_appointment', 'cancelled_at': 'cancelled_appointment',
    'abandoned_at': 'abandoned_call',
} %}

with members as (
    select
        members.episode_id,
        members.subject_id,
        members.episode_type,
        members.episode_position,
        touchpoints.ts,
        touchpoints.ts_end,
        touchpoints.activity,
        touchpoints.stage,
        touchpoints.initiator,
        touchpoints.outcome,
        touchpoints.planned_ts,
        {%- for column in known %}
            touchpoints.{{ column }},
        {%- endfor %}
        calls.chain_id,
        calls.issue_ended_at,
        visits.visit_ended_at,
        coalesce(visits.ended_at is null and visits.status in ('arrived', 'triaged', 'in-progress', 'onleave'), false)
            as is_in_progress,
        visits.is_emergency,
        visits.is_inpatient
    from {{ ref('int_journey__members') }} as members
    inner join {{ ref('touchpoints') }} as touchpoints on members.activity_id = touchpoints.activity_id
    left join {{ ref('int_journey__calls') }} as calls
        on members.subject_id = calls.subject_id and touchpoints.call_id = calls.call_id
    left join {{ ref('int_journey__visits') }} as visits
        on members.subject_id = visits.subject_id and touchpoints.encounter_id = visits.encounter_id
),

facts as (
    select
        episode_id,
        subject_id,
        min(episode_type) as episode_type,
        min(ts) as start_ts,
        max(case when ts_end > ts then ts_end else ts end) as end_ts,
        count(*) as n_touchpoints,
        {%- for column in known %}
            {{ first_known(column, 'episode_position') }} as {{ column }},
        {%- endfor %}
        {%- for column, activity in first_times.items() %}
            min(case when activity = '{{ activity }}' then ts end) as {{ column }},
        {%- endfor %}
        {%- for column, activity in last_times.items() %}
            max(case when activity = '{{ activity }}' then ts end) as {{ column }},
        {%- endfor %}
        max(case when activity in {{ journey_rule('planning_activities') }} then planned_ts end) as scheduled_at,
        max(case when activity = 'denied_claim' then 1 else 0 end) = 1 as has_denial,
        max(case when is_emergency then 1 else 0 end) = 1 as has_emergency,
        max(case when is_inpatient then 1 else 0 end) = 1 as has_inpatient,
        max(case when is_in_progress then 1 else 0 end) = 1 as is_in_progress,
        max(visit_ended_at) as visit_ended_at,
        max(issue_ended_at) as issue_ended_at,
        count(distinct chain_id) as n_calls,
        max_by(activity, episode_position) as last_activity,
        max_by(initiator, episode_position) as last_initiator,
        max_by(outcome, case when outcome is not null then episode_position end) as last_outcome
    from members
    group by episode_id, subject_id
),

followed as (
    select
        members.episode_id,
        min(members.ts) as followed_up_at
    from members
    inner join facts on members.episode_id = facts.episode_id
    where members.stage = 'follow_up' and members.ts > coalesce(facts.discharged_at, facts.departed_at, facts.seen_at)
    group by members.episode_id
),

ended as (
    select
        facts.*,
        followed.followed_up_at,
        case
            when facts.episode_type in ('visit_cycle', 'emergency_visit', 'inpatient_stay')
                then
                    case
                        when not facts.is_in_progress then coalesce(
                            facts.visit_ended_at, facts.left_at, facts.attended_at, facts.missed_at, facts.cancelled_at
                        )
                    end
            when facts.episode_type = 'referral' then facts.reported_at
            when facts.episode_type = 'bill' then bills.settled_at
            when facts.episode_type = 'phone_issue' then facts.call_resolved_at
            -- A thread waits for an answer while the patient had the last word.
            when facts.episode_type = 'message_thread'
                then case
                    when facts.last_activity = 'replied_message' or facts.last_initiator <> 'patient'
                        then facts.end_ts
                end
            else facts.end_ts
        end as resolved_at
    from facts
    left join followed on facts.episode_id = followed.episode_id
    left join {{ ref('int_journey__bills') }} as bills
        on facts.episode_type = 'bill' and facts.claim_id = bills.claim_id
),

closing as (
    select
        ended.*,
        case
            when ended.episode_type in ('visit_cycle', 'emergency_visit', 'inpatient_stay')
                then ended.resolved_at + interval {{ journey_rule('visit_tail_days') }} days
            -- Unresolved, it can still not grow once no call has come for so long: the next one is a new issue.
            when ended.episode_type = 'phone_issue'
                then
                    coalesce(
                        ended.resolved_at, ended.issue_ended_at + interval {{ journey_rule('phone_gap_days') }} days
                    )
            else ended.resolved_at
        end as closes_at
    from ended
)

select
    closing.*,
    coalesce(closing.closes_at > {{ as_of() }}, true) as is_open
from closing
