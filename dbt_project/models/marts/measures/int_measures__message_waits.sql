-- One row per message of a patient that opens a wait for an answer (the first after the thread began or after a human
-- reply), with the first human reply after it. Replies by devices are automatic and answer nobody. A message of unknown
-- sender, or a patient's of unknown moment, may open a wait or end one: it keeps a row without a length.
with messages as (
    select
        message.communication_id,
        message.thread_id,
        message.patient_id,
        message.sender_type,
        message.sent_at,
        case when message.sender_type in ('Patient', 'RelatedPerson') then 1 else 0 end as is_from_patient
    from {{ ref('stg_ehr__communications') }} as message
    where
        message.status = 'completed'
        and coalesce(message.sender_type, 'Patient')
        in ('Patient', 'RelatedPerson', 'Practitioner', 'PractitionerRole', 'Organization')
        and coalesce(message.category_code, '') not in (
            select codes.code from {{ ref('measure_codes') }} as codes
            where codes.value_set = 'consult_report'
        )
),

ordered as (
    select
        messages.*,
        lag(messages.is_from_patient) over by_thread as was_from_patient,
        min(case when messages.is_from_patient = 0 then messages.sent_at end) over (
            partition by messages.thread_id
            order by messages.sent_at, messages.communication_id
            rows between 1 following and unbounded following
        ) as replied_at
    from messages
    where messages.sender_type is not null and messages.sent_at is not null
    window by_thread as (
        partition by messages.thread_id
        order by messages.sent_at, messages.communication_id
    )
)

select
    ordered.communication_id,
    ordered.thread_id,
    patients.person_id,
    ordered.sent_at,
    ordered.replied_at,
    cast({{ local_time('ordered.sent_at') }} as date) as sent_on,
    {{ seconds_between('ordered.sent_at', 'coalesce(ordered.replied_at, night.as_of)') }} / 3600.0 as waited_hours,
    case when ordered.replied_at is not null then 1 else 0 end as is_event,
    {{ business_days_between(
        'cast(' ~ local_time('ordered.sent_at') ~ ' as date)',
        'cast(' ~ local_time('coalesce(ordered.replied_at, night.as_of)') ~ ' as date)'
    ) }} as business_days
from ordered
left join {{ ref('int_measures__patients') }} as patients on ordered.patient_id = patients.patient_id
cross join {{ ref('night') }} as night
where ordered.is_from_patient = 1 and coalesce(ordered.was_from_patient, 0) = 0 and ordered.sent_at <= night.as_of

union all

select
    messages.communication_id,
    messages.thread_id,
    patients.person_id,
    messages.sent_at,
    cast(null as timestamp) as replied_at,
    cast({{ local_time('messages.sent_at') }} as date) as sent_on,
    null as waited_hours,
    0 as is_event,
    null as business_days
from messages
left join {{ ref('int_measures__patients') }} as patients on messages.patient_id = patients.patient_id
cross join {{ ref('night') }} as night
where
    (messages.sender_type is null or messages.sent_at is null and messages.is_from_patient = 1)
    and coalesce(messages.sent_at <= night.as_of, true)
