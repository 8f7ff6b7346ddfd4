-- One row per vaccination.
with staged as (
    {{ staged('ehr', 'immunization') }}
)

select
    id_space || '/' || immunization_id as immunization_id,
    id_space || '/' || patient_id as patient_id,
    id_space || '/' || encounter_id as encounter_id,
    status,
    code_system,
    code,
    display,
    occurred_at,
    version_at as recorded_at,
    ingested_at,
    batch_id,
    feed as source_system
from staged
