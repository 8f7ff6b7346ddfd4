-- Survey responses, one row each; previews, tests and spam (Status codes other than a real answer's) are left out.
with responses as (
    {{ staged('surveys', 'response') | indent(4) }}
)

select
    response_id,
    coalesce(survey_id, survey_file) as survey_id,
    invitation_id,
    ehr_id_space || '/' || encounter_id as encounter_id,
    contact_id,
    ehr_id_space || '/' || department_id as department_id,
    started_at,
    coalesce(recorded_at, ended_at, started_at) as recorded_at_utc,
    duration_seconds,
    channel,
    language,
    coalesce(is_finished, false) as is_finished,
    feed as source_system,
    version_at as recorded_at,
    ingested_at,
    batch_id
from responses
where status is null or status in ('0', 'IP Address', '2', 'Imported', '4', 'Offline')
