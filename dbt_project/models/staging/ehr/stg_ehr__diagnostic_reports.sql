-- One row per report of results.
with staged as (
    {{ staged('ehr', 'diagnostic_report') }}
)

select
    id_space || '/' || diagnostic_report_id as diagnostic_report_id,
    id_space || '/' || patient_id as patient_id,
    id_space || '/' || encounter_id as encounter_id,
    id_space || '/' || service_request_id as service_request_id,
    status,
    category_code,
    code_system,
    code,
    display,
    effective_at,
    issued_at,
    version_at as recorded_at,
    ingested_at,
    batch_id,
    feed as source_system
from staged
