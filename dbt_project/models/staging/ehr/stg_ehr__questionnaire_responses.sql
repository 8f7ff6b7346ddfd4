-- One row per answered questionnaire.
with staged as (
    {{ staged('ehr', 'questionnaire_response') }}
)

select
    id_space || '/' || questionnaire_response_id as questionnaire_response_id,
    questionnaire,
    id_space || '/' || patient_id as patient_id,
    id_space || '/' || encounter_id as encounter_id,
    status,
    authored_at,
    version_at as recorded_at,
    ingested_at,
    batch_id,
    feed as source_system
from staged
