-- One row per insurance of a patient.
with staged as (
    {{ staged('ehr', 'coverage') }}
)

select
    id_space || '/' || coverage_id as coverage_id,
    id_space || '/' || patient_id as patient_id,
    id_space || '/' || payer_id as payer_id,
    payer_name,
    subscriber_id,
    coalesce(member_number, subscriber_id || coalesce(dependent_code, '')) as member_id,
    dependent_code,
    relationship_code,
    type_code,
    status,
    cast({{ local_time('started_at') }} as date) as started_on,
    cast({{ local_time('ended_at') }} as date) as ended_on,
    version_at as recorded_at,
    ingested_at,
    batch_id,
    feed as source_system
from staged
