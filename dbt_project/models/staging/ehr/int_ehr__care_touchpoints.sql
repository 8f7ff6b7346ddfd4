-- What the clinical record tells: referred, prescribed, filled, treated, results available.
-- Results that came together are one touchpoint: a report, or else the laboratory observations issued at one time.
with lab_results as (
    select
        observations.*,
        row_number() over (
            partition by observations.patient_id, observations.encounter_id, observations.issued_at
            order by observations.observation_id
        ) as result_number
    from {{ ref('stg_ehr__observations') }} as observations
    left join {{ ref('stg_ehr__diagnostic_reports') }} as reports
        on
            observations.patient_id = reports.patient_id
            and observations.issued_at = reports.issued_at
    where
        observations.category_code = 'laboratory'
        and observations.status in ('final', 'amended', 'corrected')
        and reports.diagnostic_report_id is null
),

events as (
    select
        'service_request' as source_table,
        service_request_id as source_record_id,
        patient_id,
        encounter_id,
        authored_at as ts,
        'referred' as activity,
        15 as event_seq,
        'access' as stage,
        requester_id as provider_id,
        service_request_id as referral_id,
        cast(null as varchar) as prescription_id,
        recorded_at,
        ingested_at,
        batch_id
    from {{ ref('stg_ehr__service_requests') }}
    where category_code = '3457005' and status not in ('draft', 'entered-in-error')
    union all
    select
        'task' as source_table,
        task_id as source_record_id,
        patient_id,
        cast(null as varchar) as encounter_id,
        coalesce(ended_at, modified_at) as ts,
        'received_referral_report' as activity,
        0 as event_seq,
        'follow_up' as stage,
        cast(null as varchar) as provider_id,
        service_request_id as referral_id,
        cast(null as varchar) as prescription_id,
        recorded_at,
        ingested_at,
        batch_id
    from {{ ref('stg_ehr__tasks') }}
    where status = 'completed' and service_request_id is not null
    union all
    select
        'medication_request' as source_table,
        medication_request_id as source_record_id,
        patient_id,
        encounter_id,
        authored_at as ts,
        'prescribed_medication' as activity,
        16 as event_seq,
        'follow_up' as stage,
        practitioner_id as provider_id,
        cast(null as varchar) as referral_id,
        medication_request_id as prescription_id,
        recorded_at,
        ingested_at,
        batch_id
    from {{ ref('stg_ehr__medication_requests') }}
    where intent in ('order', 'original-order') and status not in ('draft', 'entered-in-error')
    union all
    select
        'medication_dispense' as source_table,
        medication_dispense_id as source_record_id,
        patient_id,
        cast(null as varchar) as encounter_id,
        handed_over_at as ts,
        'filled_medication' as activity,
        0 as event_seq,
        'follow_up' as stage,
        cast(null as varchar) as provider_id,
        cast(null as varchar) as referral_id,
        medication_request_id as prescription_id,
        recorded_at,
        ingested_at,
        batch_id
    from {{ ref('stg_ehr__medication_dispenses') }}
    where status = 'completed'
    union all
    select
        'procedure' as source_table,
        procedure_id as source_record_id,
        patient_id,
        encounter_id,
        performed_start_at as ts,
        'treated' as activity,
        14 as event_seq,
        'encounter' as stage,
        practitioner_id as provider_id,
        cast(null as varchar) as referral_id,
        cast(null as varchar) as prescription_id,
        recorded_at,
        ingested_at,
        batch_id
    from {{ ref('stg_ehr__procedures') }}
    where status = 'completed'
    union all
    select
        'immunization' as source_table,
        immunization_id as source_record_id,
        patient_id,
        encounter_id,
        occurred_at as ts,
        'treated' as activity,
        14 as event_seq,
        'encounter' as stage,
        cast(null as varchar) as provider_id,
        cast(null as varchar) as referral_id,
        cast(null as varchar) as prescription_id,
        recorded_at,
        ingested_at,
        batch_id
    from {{ ref('stg_ehr__immunizations') }}
    where status = 'completed'
    union all
    select
        'diagnostic_report' as source_table,
        diagnostic_report_id as source_record_id,
        patient_id,
        encounter_id,
        issued_at as ts,
        'result_available' as activity,
        20 as event_seq,
        'follow_up' as stage,
        cast(null as varchar) as provider_id,
        cast(null as varchar) as referral_id,
        cast(null as varchar) as prescription_id,
        recorded_at,
        ingested_at,
        batch_id
    from {{ ref('stg_ehr__diagnostic_reports') }}
    where status in ('final', 'amended', 'corrected', 'appended')
    union all
    select
        'observation' as source_table,
        observation_id as source_record_id,
        patient_id,
        encounter_id,
        issued_at as ts,
        'result_available' as activity,
        20 as event_seq,
        'follow_up' as stage,
        cast(null as varchar) as provider_id,
        cast(null as varchar) as referral_id,
        cast(null as varchar) as prescription_id,
        recorded_at,
        ingested_at,
        batch_id
    from lab_results
    where result_number = 1
)

select
    events.source_table,
    events.source_record_id,
    events.patient_id as identity_id,
    events.ts,
    events.activity,
    events.event_seq,
    case when events.activity = 'result_available' then 'communication' else 'action' end as touchpoint_type,
    events.stage,
    case when events.activity in ('treated', 'filled_medication') then 'in_person' end as channel,
    case events.activity
        when 'filled_medication' then 'patient'
        when 'result_available' then 'system'
        else 'provider'
    end as initiator,
    encounters.department_id,
    coalesce(events.provider_id, encounters.practitioner_id) as provider_id,
    events.encounter_id,
    events.referral_id,
    events.prescription_id,
    events.recorded_at,
    events.ingested_at,
    events.batch_id
from events
left join {{ ref('stg_ehr__encounters') }} as encounters on events.encounter_id = encounters.encounter_id
