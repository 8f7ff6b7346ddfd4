-- Survey invitations, one row each.
with invitations as (
    {{ staged('surveys', 'invitation') | indent(4) }}
)

select
    invitation_id,
    survey_id,
    mrn,
    ehr_id_space || '/' || encounter_id as encounter_id,
    contact_id,
    ehr_id_space || '/' || department_id as department_id,
    sent_at,
    channel,
    status,
    feed as source_system,
    version_at as recorded_at,
    ingested_at,
    batch_id
from invitations
