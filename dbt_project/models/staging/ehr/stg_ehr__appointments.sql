-- One row per appointment in its newest status; recorded_at is when that status was written.
-- The department is the organisation the appointment names, else the one that runs its place or its slot's schedule.
with staged as (
    {{ staged('ehr', 'appointment') }}
),

keyed as (
    select
        id_space || '/' || appointment_id as appointment_id,
        id_space || '/' || patient_id as patient_id,
        id_space || '/' || practitioner_id as practitioner_id,
        id_space || '/' || location_id as location_id,
        id_space || '/' || organization_id as organization_id,
        id_space || '/' || referral_id as referral_id,
        id_space || '/' || slot_id as slot_id,
        status,
        cancelation_reason_code,
        service_type_code,
        service_type_display,
        appointment_type_code,
        specialty_code,
        requested_at,
        created_at,
        start_at,
        end_at,
        version_at,
        ingested_at,
        batch_id,
        feed
    from staged
)

select
    keyed.appointment_id,
    keyed.patient_id,
    coalesce(keyed.practitioner_id, schedules.practitioner_id) as practitioner_id,
    coalesce(keyed.location_id, schedules.location_id) as location_id,
    coalesce(keyed.organization_id, locations.organization_id, schedules.department_id) as department_id,
    keyed.status,
    keyed.cancelation_reason_code,
    keyed.service_type_code,
    keyed.service_type_display,
    keyed.appointment_type_code,
    keyed.specialty_code,
    coalesce(keyed.requested_at, keyed.created_at) as requested_at,
    keyed.created_at,
    coalesce(keyed.start_at, slots.start_at) as start_at,
    coalesce(keyed.end_at, slots.end_at) as end_at,
    keyed.referral_id,
    keyed.slot_id,
    keyed.version_at as recorded_at,
    keyed.ingested_at,
    keyed.batch_id,
    keyed.feed as source_system
from keyed
left join {{ ref('stg_ehr__locations') }} as locations on keyed.location_id = locations.location_id
left join {{ ref('stg_ehr__slots') }} as slots on keyed.slot_id = slots.slot_id
left join {{ ref('stg_ehr__schedules') }} as schedules on slots.schedule_id = schedules.schedule_id
