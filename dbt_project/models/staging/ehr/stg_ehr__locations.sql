-- One row per place.
with staged as (
    {{ staged('ehr', 'location') }}
)

select
    id_space || '/' || location_id as location_id,
    name,
    id_space || '/' || organization_id as organization_id,
    type_code,
    physical_type_code,
    postal_code,
    id_space || '/' || part_of_id as part_of_id,
    version_at as recorded_at,
    ingested_at,
    batch_id,
    feed as source_system
from staged
