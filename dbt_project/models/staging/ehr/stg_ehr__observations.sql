-- One row per measurement, result or finding.
with staged as (
    {{ staged('ehr', 'observation') }}
)

select
    id_space || '/' || observation_id as observation_id,
    id_space || '/' || patient_id as patient_id,
    id_space || '/' || encounter_id as encounter_id,
    status,
    category_code,
    code_system,
    code,
    display,
    coalesce(effective_at, effective_start_at) as effective_at,
    issued_at,
    value_quantity,
    value_unit,
    value_code,
    version_at as recorded_at,
    ingested_at,
    batch_id,
    feed as source_system
from staged
