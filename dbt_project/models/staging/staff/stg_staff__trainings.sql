-- Trainings of departments' staff, one row each.
with trainings as (
    {{ staged('staff', 'training') | indent(4) }}
)

select
    training_id,
    ehr_id_space || '/' || department_id as department_id,
    training_name,
    started_on,
    completed_on,
    participants,
    feed as source_system,
    version_at as recorded_at,
    ingested_at,
    batch_id
from trainings
