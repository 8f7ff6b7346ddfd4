-- One row per consent; a withdrawn one is inactive.
with staged as (
    {{ staged('ehr', 'consent') }}
)

select
    id_space || '/' || consent_id as consent_id,
    id_space || '/' || patient_id as patient_id,
    status,
    scope_code,
    category_code,
    consented_at,
    version_at as recorded_at,
    ingested_at,
    batch_id,
    feed as source_system
from staged
