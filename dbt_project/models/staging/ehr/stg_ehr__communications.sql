-- One row per message; a thread is named after the topmost message of its chain of replies.
with recursive staged as (
    {{ staged('ehr', 'communication') }}
),

keyed as (
    select
        id_space || '/' || communication_id as communication_id,
        id_space || '/' || patient_id as patient_id,
        nullif(split_part(sender_reference, '/', 1), sender_reference) as sender_type,
        id_space || '/' || sender_id as sender_id,
        id_space || '/' || recipient_id as recipient_id,
        id_space || '/' || in_response_to_id as in_response_to_id,
        id_space || '/' || service_request_id as service_request_id,
        id_space || '/' || appointment_id as appointment_id,
        id_space || '/' || encounter_id as encounter_id,
        status,
        category_code,
        medium_code,
        sent_at,
        received_at,
        version_at,
        ingested_at,
        batch_id,
        feed
    from staged
),

-- A reply to a message that was not delivered starts a thread; depth ends chains that run in a circle.
threads as (
    select
        keyed.communication_id,
        keyed.communication_id as thread_id,
        0 as depth
    from keyed
    left join keyed as parents on keyed.in_response_to_id = parents.communication_id
    where parents.communication_id is null
    union all
    select
        replies.communication_id,
        threads.thread_id,
        threads.depth + 1 as depth
    from threads
    inner join keyed as replies on threads.communication_id = replies.in_response_to_id
    where threads.depth < 1000
)

select
    keyed.communication_id,
    keyed.patient_id,
    keyed.sender_type,
    keyed.sender_id,
    keyed.recipient_id,
    keyed.in_response_to_id,
    coalesce(threads.thread_id, keyed.communication_id) as thread_id,
    keyed.service_request_id,
    keyed.appointment_id,
    keyed.encounter_id,
    keyed.status,
    keyed.category_code,
    keyed.medium_code,
    keyed.sent_at,
    keyed.received_at,
    keyed.version_at as recorded_at,
    keyed.ingested_at,
    keyed.batch_id,
    keyed.feed as source_system
from keyed
left join threads on keyed.communication_id = threads.communication_id
