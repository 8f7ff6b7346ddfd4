-- One row per order or referral.
with staged as (
    {{ staged('ehr', 'service_request') }}
)

select
    id_space || '/' || service_request_id as service_request_id,
    id_space || '/' || patient_id as patient_id,
    id_space || '/' || encounter_id as encounter_id,
    status,
    intent,
    category_code,
    code_system,
    code,
    display,
    authored_at,
    id_space || '/' || requester_id as requester_id,
    id_space || '/' || performer_id as performer_id,
    version_at as recorded_at,
    ingested_at,
    batch_id,
    feed as source_system
from staged
