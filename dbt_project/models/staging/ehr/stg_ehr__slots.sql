-- One row per bookable slot.
with staged as (
    {{ staged('ehr', 'slot') }}
)

select
    id_space || '/' || slot_id as slot_id,
    id_space || '/' || schedule_id as schedule_id,
    service_type_code,
    status,
    start_at,
    end_at,
    version_at as recorded_at,
    ingested_at,
    batch_id,
    feed as source_system
from staged
