-- What encounters tell: arrived, roomed, seen, departed or discharged, left without being seen.
-- Times come from the status history (arrived, triaged, in-progress) and the places (a room or bed); a system that
-- keeps neither tells at least arrival and end.
with statuses as (
    select
        encounter_id,
        min(case when status = 'arrived' then started_at end) as arrived_at,
        min(case when status = 'triaged' then started_at end) as triaged_at,
        min(case when status = 'in-progress' then started_at end) as seen_at
    from {{ ref('stg_ehr__encounter_statuses') }}
    group by encounter_id
),

rooms as (
    select
        encounter_id,
        min(started_at) as roomed_at
    from {{ ref('stg_ehr__encounter_locations') }}
    where physical_type_code in ('ro', 'bd')
    group by encounter_id
),

encounters as (
    select
        encounters.*,
        coalesce(statuses.arrived_at, encounters.started_at) as arrived_at,
        coalesce(rooms.roomed_at, statuses.triaged_at) as roomed_at,
        statuses.seen_at,
        encounters.status = 'cancelled' and statuses.arrived_at is not null and statuses.seen_at is null as left_unseen,
        case
            when encounters.class_code = 'VR' then 'video'
            else 'in_person'
        end as channel
    from {{ ref('stg_ehr__encounters') }} as encounters
    left join statuses on encounters.encounter_id = statuses.encounter_id
    left join rooms on encounters.encounter_id = rooms.encounter_id
    where
        encounters.status not in ('planned', 'entered-in-error')
        and (encounters.status <> 'cancelled' or statuses.arrived_at is not null)
),

events as (
    select
        'arrived' as activity,
        encounter_id,
        arrived_at as ts,
        10 as event_seq,
        cast(null as timestamp) as waited_from
    from encounters
    union all
    select
        'roomed' as activity,
        encounter_id,
        roomed_at as ts,
        11 as event_seq,
        arrived_at as waited_from
    from encounters
    union all
    select
        'seen' as activity,
        encounter_id,
        seen_at as ts,
        12 as event_seq,
        coalesce(roomed_at, arrived_at) as waited_from
    from encounters
    union all
    select
        case
            when left_unseen then 'left_without_being_seen'
            when class_code in ('IMP', 'ACUTE', 'NONAC', 'OBSENC') then 'discharged'
            else 'departed'
        end as activity,
        encounter_id,
        ended_at as ts,
        19 as event_seq,
        case when left_unseen then arrived_at end as waited_from
    from encounters
)

select
    'encounter' as source_table,
    encounters.encounter_id as source_record_id,
    encounters.patient_id as identity_id,
    events.ts,
    case when events.activity = 'seen' then encounters.ended_at end as ts_end,
    events.activity,
    events.event_seq,
    case when events.activity = 'left_without_being_seen' then 'fail' else 'complete' end as lifecycle,
    'action' as touchpoint_type,
    case events.activity
        when 'seen' then 'encounter'
        when 'departed' then 'discharge'
        when 'discharged' then 'discharge'
        else 'arrival'
    end as stage,
    encounters.channel,
    'patient' as initiator,
    encounters.department_id,
    encounters.location_id,
    encounters.practitioner_id as provider_id,
    encounters.encounter_id,
    encounters.appointment_id,
    encounters.referral_id,
    case
        when events.waited_from <= events.ts then {{ seconds_between('events.waited_from', 'events.ts') }}
    end as wait_seconds,
    case
        when events.waited_from is null then null
        when events.activity = 'seen' and encounters.roomed_at is not null then 'exam'
        else 'lobby'
    end as wait_type,
    case
        when events.activity = 'seen' and encounters.ended_at >= events.ts
            then {{ seconds_between('events.ts', 'encounters.ended_at') }}
    end as duration_seconds,
    case events.activity
        when 'left_without_being_seen' then 'left_without_being_seen'
        when 'departed' then 'completed'
        when 'discharged' then 'completed'
    end as outcome,
    events.activity = 'left_without_being_seen' as is_failed,
    encounters.recorded_at,
    encounters.ingested_at,
    encounters.batch_id
from events
inner join encounters on events.encounter_id = encounters.encounter_id
where events.ts is not null
