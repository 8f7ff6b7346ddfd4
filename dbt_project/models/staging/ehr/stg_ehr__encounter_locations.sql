-- One row per place an encounter was in; the kind of place is the location's own where the encounter does not say.
with staged as (
    {{ staged('ehr', 'encounter_location') }}
)

select
    staged.id_space || '/' || staged.encounter_id as encounter_id,
    staged.position,
    staged.id_space || '/' || staged.location_id as location_id,
    staged.status,
    staged.started_at,
    staged.ended_at,
    coalesce(staged.physical_type_code, locations.physical_type_code) as physical_type_code,
    locations.type_code as location_type_code,
    staged.version_at as recorded_at,
    staged.ingested_at,
    staged.batch_id,
    staged.feed as source_system
from staged
left join {{ ref('stg_ehr__locations') }} as locations
    on staged.id_space || '/' || staged.location_id = locations.location_id
