-- One row per piece of work on a request.
with staged as (
    {{ staged('ehr', 'task') }}
)

select
    id_space || '/' || task_id as task_id,
    id_space || '/' || patient_id as patient_id,
    id_space || '/' || coalesce(service_request_id, based_on_id) as service_request_id,
    status,
    intent,
    code,
    authored_at,
    modified_at,
    ended_at,
    version_at as recorded_at,
    ingested_at,
    batch_id,
    feed as source_system
from staged
