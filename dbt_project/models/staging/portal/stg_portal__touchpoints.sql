-- What people do on the portal. Track events become touchpoints by their name (seed `portal_activities`); identify,
-- alias and page calls, and events that the seed does not name, do not. A reply of staff waits since the patient's
-- message right before it in the thread.
with events as (
    select
        told.*,
        lag(told.event) over in_thread as previous_in_thread,
        lag(told.happened_at) over in_thread as previous_at
    from {{ ref('stg_portal__events') }} as told
    where told.event_type = 'track'
    window in_thread as (
        partition by coalesce(told.thread_id, told.message_id)
        order by told.happened_at, told.message_id
    )
)

select
    events.source_system,
    'event' as source_table,
    events.message_id as source_record_id,
    events.user_id as identity_id,
    events.anonymous_id,
    events.happened_at as ts,
    activities.activity,
    activities.lifecycle,
    activities.touchpoint_type,
    activities.stage,
    'portal' as channel,
    case activities.activity when 'replied_message' then 'outbound' else 'inbound' end as direction,
    case activities.activity when 'replied_message' then 'provider' else 'patient' end as initiator,
    events.department_id,
    events.provider_id,
    events.appointment_id,
    events.thread_id,
    case
        when activities.activity = 'replied_message' and events.previous_in_thread = 'Message Sent'
            then {{ seconds_between('events.previous_at', 'events.happened_at') }}
    end as wait_seconds,
    case
        when activities.activity = 'replied_message' and events.previous_in_thread = 'Message Sent' then 'reply'
    end as wait_type,
    case activities.lifecycle when 'fail' then 'failed' when 'cancel' then 'cancelled' else 'completed' end as outcome,
    activities.lifecycle = 'fail' as is_failed,
    case when activities.activity = 'paid_bill' then events.amount end as revenue_impact,
    events.recorded_at,
    events.ingested_at,
    events.batch_id
from events
inner join {{ ref('portal_activities') }} as activities on events.event = activities.event
