-- What communications and paperwork tell: messages and replies, reminders, referral reports; insurance, consent,
-- questionnaires.
with communications as (
    select
        communications.*,
        parents.sent_at as parent_sent_at,
        parents.sender_type as parent_sender_type,
        case
            when communications.category_code = 'referral-report' then 'received_referral_report'
            when communications.category_code = 'reminder' then 'reminded_appointment'
            when communications.in_response_to_id is not null then 'replied_message'
            else 'sent_message'
        end as activity
    from {{ ref('stg_ehr__communications') }} as communications
    left join {{ ref('stg_ehr__communications') }} as parents
        on communications.in_response_to_id = parents.communication_id
    where communications.status in ('completed', 'in-progress')
),

messages as (
    select
        'communication' as source_table,
        communications.communication_id as source_record_id,
        communications.patient_id as identity_id,
        coalesce(communications.sent_at, communications.received_at) as ts,
        communications.activity,
        'communication' as touchpoint_type,
        case when communications.activity = 'reminded_appointment' then 'pre_visit' else 'follow_up' end as stage,
        case communications.medium_code
            when 'SMSWRIT' then 'sms'
            when 'EMAILWRIT' then 'email'
            when 'MAILWRIT' then 'mail'
            when 'FAXWRIT' then 'mail'
            when 'PHONE' then 'phone'
            when 'VIDEOCONF' then 'video'
            else 'portal'
        end as channel,
        case
            when communications.activity = 'received_referral_report' then 'internal'
            when communications.sender_type in ('Patient', 'RelatedPerson') then 'inbound'
            else 'outbound'
        end as direction,
        case communications.sender_type
            when 'Patient' then 'patient'
            when 'RelatedPerson' then 'proxy'
            when 'Practitioner' then 'provider'
            when 'PractitionerRole' then 'provider'
            else 'system'
        end as initiator,
        coalesce(
            appointments.department_id,
            encounters.department_id,
            case when communications.sender_type = 'Organization' then communications.sender_id end
        ) as department_id,
        case when communications.sender_type = 'Practitioner' then communications.sender_id end as provider_id,
        communications.encounter_id,
        communications.appointment_id,
        case
            when communications.activity in ('sent_message', 'replied_message') then communications.thread_id
        end as thread_id,
        communications.service_request_id as referral_id,
        case when communications.activity = 'reminded_appointment' then appointments.start_at end as planned_ts,
        -- The wait for a reply is the patient's: staff answering a patient.
        case
            when
                communications.activity = 'replied_message'
                and communications.parent_sender_type in ('Patient', 'RelatedPerson')
                and communications.sender_type not in ('Patient', 'RelatedPerson')
                and communications.parent_sent_at <= communications.sent_at
                then {{ seconds_between('communications.parent_sent_at', 'communications.sent_at') }}
        end as wait_seconds,
        communications.recorded_at,
        communications.ingested_at,
        communications.batch_id
    from communications
    left join {{ ref('stg_ehr__appointments') }} as appointments
        on communications.appointment_id = appointments.appointment_id
    left join {{ ref('stg_ehr__encounters') }} as encounters
        on communications.encounter_id = encounters.encounter_id
),

paperwork as (
    select
        'coverage' as source_table,
        coverage_id as source_record_id,
        patient_id as identity_id,
        cast(started_on as timestamp) as ts,
        'enrolled_coverage' as activity,
        'day' as ts_precision,
        'access' as stage,
        cast(null as varchar) as encounter_id,
        recorded_at,
        ingested_at,
        batch_id
    from {{ ref('stg_ehr__coverages') }}
    where status in ('active', 'cancelled')
    union all
    select
        'consent' as source_table,
        consent_id as source_record_id,
        patient_id as identity_id,
        case when status = 'inactive' then coalesce(recorded_at, consented_at) else consented_at end as ts,
        case when status = 'inactive' then 'withdrew_consent' else 'gave_consent' end as activity,
        'second' as ts_precision,
        'access' as stage,
        cast(null as varchar) as encounter_id,
        recorded_at,
        ingested_at,
        batch_id
    from {{ ref('stg_ehr__consents') }}
    where status in ('active', 'inactive')
    union all
    select
        'questionnaire_response' as source_table,
        questionnaire_response_id as source_record_id,
        patient_id as identity_id,
        authored_at as ts,
        'answered_survey' as activity,
        'second' as ts_precision,
        'follow_up' as stage,
        encounter_id,
        recorded_at,
        ingested_at,
        batch_id
    from {{ ref('stg_ehr__questionnaire_responses') }}
    where status in ('completed', 'amended')
)

select
    source_table,
    source_record_id,
    identity_id,
    ts,
    'second' as ts_precision,
    activity,
    0 as event_seq,
    touchpoint_type,
    stage,
    channel,
    direction,
    initiator,
    department_id,
    provider_id,
    encounter_id,
    appointment_id,
    thread_id,
    referral_id,
    planned_ts,
    wait_seconds,
    case when wait_seconds is not null then 'reply' end as wait_type,
    recorded_at,
    ingested_at,
    batch_id
from messages
union all
select
    paperwork.source_table,
    paperwork.source_record_id,
    paperwork.identity_id,
    paperwork.ts,
    paperwork.ts_precision,
    paperwork.activity,
    0 as event_seq,
    'action' as touchpoint_type,
    paperwork.stage,
    cast(null as varchar) as channel,
    cast(null as varchar) as direction,
    'patient' as initiator,
    encounters.department_id,
    cast(null as varchar) as provider_id,
    paperwork.encounter_id,
    cast(null as varchar) as appointment_id,
    cast(null as varchar) as thread_id,
    cast(null as varchar) as referral_id,
    cast(null as timestamp) as planned_ts,
    cast(null as bigint) as wait_seconds,
    cast(null as varchar) as wait_type,
    paperwork.recorded_at,
    paperwork.ingested_at,
    paperwork.batch_id
from paperwork
left join {{ ref('stg_ehr__encounters') }} as encounters on paperwork.encounter_id = encounters.encounter_id
