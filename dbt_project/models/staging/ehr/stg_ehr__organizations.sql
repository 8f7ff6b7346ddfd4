-- One row per organisation: hospital, department, payer.
with staged as (
    {{ staged('ehr', 'organization') }}
)

select
    id_space || '/' || organization_id as organization_id,
    name,
    type_code,
    sub_sector,
    id_space || '/' || part_of_id as part_of_id,
    version_at as recorded_at,
    ingested_at,
    batch_id,
    feed as source_system
from staged
