-- What appointments tell: asked for, booked, cancelled, missed, attended.
-- Attended counts from the arrival of its encounter where there is one, else from the planned start.
with arrivals as (
    select
        appointment_id,
        min(encounter_id) as encounter_id,
        min(started_at) as arrived_at
    from {{ ref('stg_ehr__encounters') }}
    where appointment_id is not null
    group by appointment_id
),

appointments as (
    select
        appointments.*,
        arrivals.encounter_id,
        coalesce(arrivals.arrived_at, appointments.start_at) as attended_at
    from {{ ref('stg_ehr__appointments') }} as appointments
    left join arrivals on appointments.appointment_id = arrivals.appointment_id
    where appointments.status not in ('entered-in-error', 'proposed')
),

events as (
    select
        'requested_appointment' as activity,
        requested_at as ts,
        0 as event_seq,
        'complete' as lifecycle,
        'patient' as initiator,
        cast(null as varchar) as outcome,
        appointment_id
    from appointments
    union all
    select
        'booked_appointment' as activity,
        coalesce(created_at, requested_at) as ts,
        1 as event_seq,
        'complete' as lifecycle,
        'patient' as initiator,
        cast(null as varchar) as outcome,
        appointment_id
    from appointments
    where status not in ('pending', 'waitlist')
    union all
    select
        'cancelled_appointment' as activity,
        coalesce(recorded_at, start_at) as ts,
        2 as event_seq,
        'cancel' as lifecycle,
        case when cancelation_reason_code like 'prov%' then 'provider' else 'patient' end as initiator,
        'cancelled' as outcome,
        appointment_id
    from appointments
    where status = 'cancelled'
    union all
    select
        'missed_appointment' as activity,
        start_at as ts,
        3 as event_seq,
        'fail' as lifecycle,
        'patient' as initiator,
        'no_show' as outcome,
        appointment_id
    from appointments
    where status = 'noshow'
    union all
    select
        'attended_appointment' as activity,
        attended_at as ts,
        3 as event_seq,
        'complete' as lifecycle,
        'patient' as initiator,
        'completed' as outcome,
        appointment_id
    from appointments
    where status in ('arrived', 'checked-in', 'fulfilled')
)

select
    'appointment' as source_table,
    appointments.appointment_id as source_record_id,
    appointments.patient_id as identity_id,
    events.ts,
    events.activity,
    events.event_seq,
    events.lifecycle,
    'action' as touchpoint_type,
    case events.activity
        when 'attended_appointment' then 'arrival'
        when 'missed_appointment' then 'pre_visit'
        else 'scheduling'
    end as stage,
    case when events.activity = 'attended_appointment' then 'in_person' end as channel,
    events.initiator,
    appointments.department_id,
    appointments.location_id,
    appointments.practitioner_id as provider_id,
    case when events.activity = 'attended_appointment' then appointments.encounter_id end as encounter_id,
    appointments.appointment_id,
    appointments.referral_id,
    appointments.start_at as planned_ts,
    case
        when events.activity = 'attended_appointment' and appointments.requested_at <= events.ts
            then {{ seconds_between('appointments.requested_at', 'events.ts') }}
    end as wait_seconds,
    case when events.activity = 'attended_appointment' then 'request_to_visit' end as wait_type,
    events.outcome,
    coalesce(events.outcome = 'no_show', false) as is_failed,
    appointments.recorded_at,
    appointments.ingested_at,
    appointments.batch_id
from events
inner join appointments on events.appointment_id = appointments.appointment_id
