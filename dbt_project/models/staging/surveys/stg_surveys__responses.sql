-- Survey responses, one row each; previews, tests and spam (Status codes other than a real answer's) are left out.
-- A questionnaire answered in the EHR is a survey response if the seed `questionnaire_questions` maps its questions;
-- whose it is the EHR says (`patient_id`), and the EHR's own touchpoint tells that it was answered.
with responses as (
    {{ staged('surveys', 'response') | indent(4) }}
),

questionnaires as (
    select
        answered.*,
        split_part(answered.questionnaire, '|', 1) as questionnaire_url
    from {{ ref('stg_ehr__questionnaire_responses') }} as answered
    where answered.status in ('completed', 'amended', 'in-progress')
)

select
    response_id,
    coalesce(survey_id, survey_file) as survey_id,
    invitation_id,
    cast(null as varchar) as patient_id,
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

union all

select
    questionnaires.questionnaire_response_id as response_id,
    questionnaires.questionnaire as survey_id,
    cast(null as varchar) as invitation_id,
    questionnaires.patient_id,
    questionnaires.encounter_id,
    cast(null as varchar) as contact_id,
    encounters.department_id,
    cast(null as timestamp) as started_at,
    questionnaires.authored_at as recorded_at_utc,
    cast(null as double) as duration_seconds,
    cast(null as varchar) as channel,
    cast(null as varchar) as language,
    questionnaires.status <> 'in-progress' as is_finished,
    questionnaires.source_system,
    questionnaires.recorded_at,
    questionnaires.ingested_at,
    questionnaires.batch_id
from questionnaires
left join {{ ref('stg_ehr__encounters') }} as encounters on questionnaires.encounter_id = encounters.encounter_id
where
    questionnaires.authored_at is not null
    and questionnaires.questionnaire_url in (
        select mapped.questionnaire from {{ ref('questionnaire_questions') }} as mapped
    )
