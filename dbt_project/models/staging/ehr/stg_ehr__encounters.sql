-- One row per encounter: a visit, an emergency attendance, a stay.
with staged as (
    {{ staged('ehr', 'encounter') }}
)

select
    id_space || '/' || encounter_id as encounter_id,
    coalesce(account_number, encounter_id) as account_number,
    id_space || '/' || patient_id as patient_id,
    status,
    class_code,
    type_system,
    type_code,
    type_display,
    started_at,
    ended_at,
    id_space || '/' || practitioner_id as practitioner_id,
    id_space || '/' || department_id as department_id,
    id_space || '/' || location_id as location_id,
    id_space || '/' || appointment_id as appointment_id,
    id_space || '/' || referral_id as referral_id,
    reason_code,
    admit_source_code,
    discharge_disposition_code,
    priority_code,
    version_at as recorded_at,
    ingested_at,
    batch_id,
    feed as source_system
from staged
