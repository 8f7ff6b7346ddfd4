-- One row per schedule: whose slots, where; the department is the one that runs the place.
with staged as (
    {{ staged('ehr', 'schedule') }}
)

select
    staged.id_space || '/' || staged.schedule_id as schedule_id,
    staged.id_space || '/' || staged.practitioner_id as practitioner_id,
    staged.id_space || '/' || staged.location_id as location_id,
    locations.organization_id as department_id,
    staged.version_at as recorded_at,
    staged.ingested_at,
    staged.batch_id,
    staged.feed as source_system
from staged
left join {{ ref('stg_ehr__locations') }} as locations
    on staged.id_space || '/' || staged.location_id = locations.location_id
