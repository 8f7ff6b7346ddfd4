-- One row per diagnosis or problem.
with staged as (
    {{ staged('ehr', 'condition') }}
)

select
    id_space || '/' || condition_id as condition_id,
    id_space || '/' || patient_id as patient_id,
    id_space || '/' || encounter_id as encounter_id,
    code_system,
    code,
    display,
    clinical_status,
    verification_status,
    category_code,
    onset_at,
    abated_at,
    cast({{ local_time('recorded_on') }} as date) as recorded_on,
    version_at as recorded_at,
    ingested_at,
    batch_id,
    feed as source_system
from staged
