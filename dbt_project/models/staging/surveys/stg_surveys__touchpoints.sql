-- Surveys sent and answered. An answer is tied to the invitation's person through the source's declared identities; one
-- that was given in the EHR has a touchpoint there.
select
    source_system,
    'invitation' as source_table,
    invitation_id as source_record_id,
    invitation_id as identity_id,
    sent_at as ts,
    'sent_survey' as activity,
    case status when 'delivered' then 'complete' else 'fail' end as lifecycle,
    channel,
    'outbound' as direction,
    'system' as initiator,
    department_id,
    encounter_id,
    contact_id as call_id,
    survey_id,
    cast(null as bigint) as duration_seconds,
    case status when 'delivered' then 'completed' else status end as outcome,
    status <> 'delivered' as is_failed,
    'communication' as touchpoint_type,
    'follow_up' as stage,
    recorded_at,
    ingested_at,
    batch_id
from {{ ref('stg_surveys__invitations') }}

union all

select
    source_system,
    'response' as source_table,
    response_id as source_record_id,
    response_id as identity_id,
    recorded_at_utc as ts,
    'answered_survey' as activity,
    'complete' as lifecycle,
    channel,
    'inbound' as direction,
    'patient' as initiator,
    department_id,
    encounter_id,
    contact_id as call_id,
    survey_id,
    cast(duration_seconds as bigint) as duration_seconds,
    case when is_finished then 'completed' else 'partial' end as outcome,
    false as is_failed,
    'communication' as touchpoint_type,
    'follow_up' as stage,
    recorded_at,
    ingested_at,
    batch_id
from {{ ref('stg_surveys__responses') }}
where patient_id is null
