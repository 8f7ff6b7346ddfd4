-- One row per practitioner.
with staged as (
    {{ staged('ehr', 'practitioner') }}
)

select
    id_space || '/' || practitioner_id as practitioner_id,
    npi,
    version_at as recorded_at,
    ingested_at,
    batch_id,
    feed as source_system
from staged
