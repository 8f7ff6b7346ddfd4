-- Contacts, one row per `ContactId` (newest LastUpdateTimestamp), with what contact records do not say outright.
-- Abandoned: dequeued, never connected to an agent, and nothing follows: no callback or transfer contact. A caller who
-- asked to be called back did not abandon; a callback or an outgoing call that nobody takes is no abandon either.
-- `queue_wait_seconds` is Queue.Duration; in a queued callback it includes the initial delay, as Amazon documents.
-- A call log that tells seconds where contact records tell moments: the queue begins with the call and ends with the
-- wait, and an agent was connected then if anybody talked.
with contacts as (
    {{ staged('call_center', 'contact') | indent(4) }}
),

callbacks as (
    select
        contact_id as callback_id,
        previous_contact_id as asked_in_id
    from contacts
    where initiation_method like 'CALLBACK%'
),

followed as (
    select asked_in_id as contact_id
    from callbacks
    where asked_in_id is not null

    union

    select contacts.contact_id
    from contacts
    inner join callbacks on contacts.next_contact_id = callbacks.callback_id
),

queued as (
    select
        contacts.*,
        case when contacts.queue_seconds is not null then coalesce(contacts.queued_at, contacts.initiated_at) end
            as queue_began_at
    from contacts
),

timed as (
    select
        queued.*,
        coalesce(
            queued.dequeued_at, queued.queue_began_at + cast(queued.queue_seconds as bigint) * interval '1' second
        ) as queue_ended_at
    from queued
),

answered as (
    select
        timed.*,
        coalesce(
            timed.connected_to_agent_at,
            case
                when timed.dequeued_at is null and timed.talk_seconds > 0
                    then coalesce(timed.queue_ended_at, timed.initiated_at)
            end
        ) as connected_at
    from timed
),

derived as (
    select
        answered.*,
        answered.connected_at is not null as is_answered,
        answered.initiation_method in ('TRANSFER', 'QUEUE_TRANSFER') as is_transfer,
        answered.initiation_method like 'CALLBACK%' as is_callback,
        followed.contact_id is not null as is_callback_requested
    from answered
    left join followed on answered.contact_id = followed.contact_id
)

select
    contact_id,
    coalesce(initial_contact_id, contact_id) as initial_contact_id,
    previous_contact_id,
    next_contact_id,
    channel,
    initiation_method,
    initiated_at,
    coalesce(queued_at, queue_began_at) as queued_at,
    queue_ended_at as dequeued_at,
    connected_at,
    coalesce(
        disconnected_at,
        connected_at + cast(talk_seconds + coalesce(hold_seconds, 0) as bigint) * interval '1' second
    ) as disconnected_at,
    queue_name,
    agent as agent_id,
    cast(queue_seconds as bigint) as queue_wait_seconds,
    cast(talk_seconds as bigint) as talk_seconds,
    cast(hold_seconds as bigint) as hold_seconds,
    holds,
    cast(after_call_work_seconds as bigint) as after_call_work_seconds,
    cast(talk_seconds + coalesce(hold_seconds, 0) + coalesce(after_call_work_seconds, 0) as bigint) as handle_seconds,
    reason,
    case lower(resolved) when 'true' then true when 'false' then false end as is_resolved,
    coalesce(lower(voicemail) = 'true', false) as is_voicemail,
    ehr_id_space || '/' || department_id as department_id,
    ehr_id_space || '/' || appointment_id as appointment_id,
    is_answered,
    (
        queue_ended_at is not null
        and not is_answered
        and not is_callback
        and not is_callback_requested
        and next_contact_id is null
        and initiation_method not in ('OUTBOUND', 'EXTERNAL_OUTBOUND')
    ) as is_abandoned,
    is_transfer,
    is_callback,
    is_callback_requested,
    disconnect_reason,
    feed as source_system,
    version_at as recorded_at,
    ingested_at,
    batch_id
from derived
