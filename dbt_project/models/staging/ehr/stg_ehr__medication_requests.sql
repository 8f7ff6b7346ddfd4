-- One row per prescription; days_supply is of one fill.
with staged as (
    {{ staged('ehr', 'medication_request') }}
)

select
    id_space || '/' || medication_request_id as medication_request_id,
    id_space || '/' || patient_id as patient_id,
    id_space || '/' || encounter_id as encounter_id,
    id_space || '/' || practitioner_id as practitioner_id,
    status,
    intent,
    medication_system,
    medication_code,
    medication_display,
    authored_at,
    {{ days_in_unit('days_supply', 'days_supply_unit') }} as days_supply,
    repeats_allowed,
    quantity,
    version_at as recorded_at,
    ingested_at,
    batch_id,
    feed as source_system
from staged
