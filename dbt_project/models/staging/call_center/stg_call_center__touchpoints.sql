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
        initiated_at as ts,
        disconnected_at as ts_end,
        'start' as lifecycle,
        case when is_voicemail then 'voicemail' end as outcome
    from contacts
    where is_with_person and not is_transfer and not is_callback

    union all

    select contact_id, 'transferred_call', 1, initiated_at, cast(null as timestamp), 'complete', cast(null as varchar)
    from contacts
    where is_with_person and is_transfer

    union all

    select contact_id, 'queued_call', 2, queued_at, dequeued_at, 'complete', null
    from contacts
    where is_with_person and queued_at is not null

    union all

    select contact_id, 'abandoned_call', 3, coalesce(disconnected_at, dequeued_at), null, 'fail', 'abandoned'
    from contacts
    where is_with_person and is_abandoned

    union all

    select contact_id, 'requested_callback', 3, coalesce(dequeued_at, disconnected_at), null, 'complete', null
    from contacts
    where is_with_person and is_callback_requested

    union all

    select
        contact_id,
        'received_callback',
        4,
        coalesce(connected_at, dequeued_at, initiated_at),
        disconnected_at,
        case when is_answered then 'complete' else 'fail' end,
        case when is_answered then 'completed' else 'failed' end
    from contacts
    where is_with_person and is_callback

    union all

    select contact_id, 'answered_call', 5, connected_at, disconnected_at, 'complete', null
    from contacts
    where is_with_person and is_answered and not is_callback

    union all

    -- Contact records say how long holds were, not when: they are placed at the conversation's start.
    select contact_id, 'held_call', 6, connected_at, null, 'complete', null
    from contacts
    where is_with_person and hold_seconds > 0

    union all

    select contact_id, 'resolved_call', 7, disconnected_at, null, 'complete', 'completed'
    from contacts
    where is_resolved
)

select
    contacts.source_system,
    'contact' as source_table,
    contacts.contact_id as source_record_id,
    contacts.contact_id as identity_id,
    happenings.ts,
    happenings.ts_end,
    happenings.event_seq,
    happenings.activity,
    happenings.lifecycle,
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
    happenings.outcome,
    happenings.lifecycle = 'fail' as is_failed,
    contacts.recorded_at,
    contacts.ingested_at,
    contacts.batch_id
from happenings
inner join contacts on happenings.contact_id = contacts.contact_id
where happenings.ts is not null
