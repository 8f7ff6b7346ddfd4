-- What people do on the portal. Track events become touchpoints by their name (seed `portal_activities`); identify,
-- alias and page calls, and events that the seed does not name, do not.
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
    'inbound' as direction,
    'patient' as initiator,
    events.department_id,
    events.provider_id,
    events.appointment_id,
    events.thread_id,
    case activities.lifecycle when 'fail' then 'failed' when 'cancel' then 'cancelled' else 'completed' end as outcome,
    activities.lifecycle = 'fail' as is_failed,
    case when activities.activity = 'paid_bill' then events.amount end as revenue_impact,
    events.recorded_at,
    events.ingested_at,
    events.batch_id
from {{ ref('stg_portal__events') }} as events
inner join {{ ref('portal_activities') }} as activities on events.event = activities.event
where events.event_type = 'track'
