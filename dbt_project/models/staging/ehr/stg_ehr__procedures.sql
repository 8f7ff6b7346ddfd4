-- One row per procedure.
with staged as (
    {{ staged('ehr', 'procedure') }}
)

select
    id_space || '/' || procedure_id as procedure_id,
    id_space || '/' || patient_id as patient_id,
    id_space || '/' || encounter_id as encounter_id,
    id_space || '/' || practitioner_id as practitioner_id,
    status,
    code_system,
    code,
    display,
    coalesce(performed_start_at, performed_at) as performed_start_at,
    performed_end_at,
    version_at as recorded_at,
    ingested_at,
    batch_id,
    feed as source_system
from staged
