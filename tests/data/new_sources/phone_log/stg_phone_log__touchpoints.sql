-- Each call, and whether an agent answered it or the caller gave up after waiting.
with calls as (
    {{ staged('phone_log', 'call') | indent(4) }}
),

happenings as (
    select
        call_id,
        'called' as activity,
        0 as event_seq,
        started_at as ts
    from calls

    union all

    select
        call_id,
        case when is_abandoned then 'abandoned_call' else 'answered_call' end as activity,
        1 as event_seq,
        started_at + to_seconds(coalesce(queue_wait_seconds, 0)) as ts
    from calls
)

select
    calls.feed as source_system,
    'call' as source_table,
    calls.call_id as source_record_id,
    calls.call_id as identity_id,
    happenings.ts,
    happenings.event_seq,
    happenings.activity,
    'communication' as touchpoint_type,
    'access' as stage,
    'phone' as channel,
    'inbound' as direction,
    'phone_log/' || calls.call_id as call_id,
    case when happenings.event_seq = 1 then cast(calls.queue_wait_seconds as bigint) end as wait_seconds,
    case when happenings.event_seq = 1 then 'queue' end as wait_type,
    case when happenings.activity = 'answered_call' then cast(calls.talk_seconds as bigint) end as duration_seconds,
    case happenings.activity when 'abandoned_call' then 'abandoned' end as outcome,
    happenings.activity = 'abandoned_call' as is_failed,
    calls.version_at as recorded_at,
    calls.ingested_at,
    calls.batch_id
from happenings
inner join calls on happenings.call_id = calls.call_id
