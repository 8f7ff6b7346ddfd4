-- What patients and their proxies did on a portal that writes AuditEvents: signed in (DICOM 110122), looked at results
-- or bills. What staff and devices did, and what is no touchpoint, is left out.
with events as (
    {{ staged('ehr', 'audit_event') | indent(4) }}
),

told as (
    select
        events.*,
        case
            when events.subtype_code = '110122' and coalesce(events.outcome, '0') = '0' then 'logged_in'
            when events.subtype_code = '110122' then 'failed_login'
            when events.action <> 'R' or coalesce(events.outcome, '0') <> '0' then null
            when events.object_references like '%DiagnosticReport/%' then 'viewed_result'
            when events.object_references like '%Observation/%' then 'viewed_result'
            when events.object_references like '%Invoice/%' then 'viewed_bill'
            when events.object_references like '%Account/%' then 'viewed_bill'
            when events.object_references like '%ExplanationOfBenefit/%' then 'viewed_bill'
        end as activity
    from events
    where events.user_reference like 'Patient/%' or events.user_reference like 'RelatedPerson/%'
)

select
    'audit_event' as source_table,
    id_space || '/' || audit_event_id as source_record_id,
    id_space || '/' || case when user_reference like 'Patient/%' then coalesce(patient_id, user_id) else patient_id end
        as identity_id,
    happened_at as ts,
    activity,
    case activity when 'failed_login' then 'fail' else 'complete' end as lifecycle,
    'action' as touchpoint_type,
    case activity when 'viewed_result' then 'follow_up' when 'viewed_bill' then 'billing' else 'access' end as stage,
    'portal' as channel,
    'inbound' as direction,
    case when user_reference like 'Patient/%' then 'patient' else 'proxy' end as initiator,
    case activity when 'failed_login' then 'failed' else 'completed' end as outcome,
    activity = 'failed_login' as is_failed,
    version_at as recorded_at,
    ingested_at,
    batch_id
from told
where activity is not null
