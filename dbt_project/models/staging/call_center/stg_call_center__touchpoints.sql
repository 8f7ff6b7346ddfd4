-- What a contact says happened between a person and the call centre, one row per happening. Tasks are the centre's own
-- work: of them only the resolution touches the person. Seconds of waiting stand on `queued_call` alone, so that a sum
-- over touchpoints counts them once.
with contacts as (
    select
        contacts.*,
        case contacts.channel when 'CHAT' then 'chat' when 'EMAIL' then 'email' else 'phone' end as medium,
        case contacts.reason
            when 'schedule_appointment' then 'scheduling'
            when 'billing_question' then 'billing'
            when 'medical_question' then 'follow_up'
            when 'refill' then 'follow_up'
            else 'access'
        end as stage,
        contacts.initiation_method in ('OUTBOUND', 'EXTERNAL_OUTBOUND') as is_outbound,
        contacts.channel <> 'TASK' as is_with_person
    from {{ ref('stg_call_center__contacts') }} as contacts
),

happenings as (
    select
        contact_id,
        'called' as activity,
        0 as event_seq,
        initiated_at as ts
    from contacts
    where is_with_person and not is_transfer and not is_callback

    union all

    select
        contact_id,
        'transferred_call' as activity,
        1 as event_seq,
        initiated_at as ts
    from contacts
    where is_with_person and is_transfer

    union all

    select
        contact_id,
        'queued_call' as activity,
        2 as event_seq,
        queued_at as ts
    from contacts
    where is_with_person

    union all

    select
        contact_id,
        'abandoned_call' as activity,
        3 as event_seq,
        coalesce(disconnected_at, dequeued_at) as ts
    from contacts
    where is_with_person and is_abandoned

    union all

    select
        contact_id,
        'requested_callback' as activity,
        3 as event_seq,
        coalesce(dequeued_at, disconnected_at) as ts
    from contacts
    where is_with_person and is_callback_requested

    union all

    select
        contact_id,
        'received_callback' as activity,
        4 as event_seq,
        coalesce(connected_at, dequeued_at, initiated_at) as ts
    from contacts
    where is_with_person and is_callback

    union all

    select
        contact_id,
        'answered_call' as activity,
        5 as event_seq,
        connected_at as ts
    from contacts
    where is_with_person and not is_callback

    union all

    -- Contact records say how long holds were, not when: they are placed at the conversation's start.
    select
        contact_id,
        'held_call' as activity,
        6 as event_seq,
        connected_at as ts
    from contacts
    where is_with_person and hold_seconds > 0

    union all

    select
        contact_id,
        'resolved_call' as activity,
        7 as event_seq,
        disconnected_at as ts
    from contacts
    where is_resolved
)

select
    contacts.source_system,
    'contact' as source_table,
    contacts.contact_id as source_record_id,
    contacts.contact_id as identity_id,
    happenings.ts,
    case happenings.activity
        when 'queued_call' then contacts.dequeued_at
        when 'called' then contacts.disconnected_at
        when 'answered_call' then contacts.disconnected_at
        when 'received_callback' then contacts.disconnected_at
    end as ts_end,
    happenings.event_seq,
    happenings.activity,
    case
        when happenings.activity = 'abandoned_call' then 'fail'
        when happenings.activity = 'received_callback' and not contacts.is_answered then 'fail'
        when happenings.activity = 'called' then 'start'
        else 'complete'
    end as lifecycle,
    'communication' as touchpoint_type,
    contacts.stage,
    contacts.medium as channel,
    case when contacts.is_outbound or contacts.is_callback then 'outbound' else 'inbound' end as direction,
    case
        when contacts.is_outbound or happenings.activity in ('received_callback', 'resolved_call') then 'provider'
        when happenings.activity in ('transferred_call', 'queued_call', 'answered_call', 'held_call') then 'system'
        else 'patient'
    end as initiator,
    contacts.department_id,
    contacts.appointment_id,
    contacts.contact_id as call_id,
    case when happenings.activity = 'queued_call' then contacts.queue_wait_seconds end as wait_seconds,
    case when happenings.activity = 'queued_call' then 'queue' end as wait_type,
    case
        when happenings.activity in ('answered_call', 'received_callback') then contacts.talk_seconds
        when happenings.activity = 'held_call' then contacts.hold_seconds
    end as duration_seconds,
    case
        when happenings.activity = 'abandoned_call' then 'abandoned'
        when happenings.activity = 'called' and contacts.is_voicemail then 'voicemail'
        when happenings.activity = 'received_callback' and not contacts.is_answered then 'failed'
        when happenings.activity in ('resolved_call', 'received_callback') then 'completed'
    end as outcome,
    happenings.activity = 'abandoned_call'
    or (happenings.activity = 'received_callback' and not contacts.is_answered) as is_failed,
    contacts.recorded_at,
    contacts.ingested_at,
    contacts.batch_id
from happenings
inner join contacts on happenings.contact_id = contacts.contact_id
where happenings.ts is not null
