-- One row per former status of an encounter, in the order stated.
with staged as (
    {{ staged('ehr', 'encounter_status') }}
)

select
    id_space || '/' || encounter_id as encounter_id,
    position,
    status,
    started_at,
    ended_at,
    version_at as recorded_at,
    ingested_at,
    batch_id,
    feed as source_system
from staged
