-- The person behind each EHR patient record.
select
    crosswalk.source_record_id as patient_id,
    crosswalk.person_id
from {{ source('identity', 'person_crosswalk') }} as crosswalk
where crosswalk.source_system = 'ehr'
