-- One event told by two sources. Grain: one row per portal event that another system recorded too.
-- Rule: what a patient does in the portal is written to the system that keeps the thing (EHR, billing). When that
-- system's own record of the same act on the same thing lies within same_event_hours, it is the touchpoint and the
-- portal event is named beside it (`touchpoints.other_records`). The nearest in time wins.

with portal_events as (
    select
        message_id,
        communication_id,
        statement_id
    from {{ ref('stg_portal__events') }}
),

named as (
    select
        events.activity_id,
        events.identity_source,
        events.ts,
        case
            when events.activity in ('requested_appointment', 'booked_appointment', 'cancelled_appointment')
                then events.activity || '|' || events.appointment_id
            when events.activity in ('sent_message', 'replied_message')
                then 'message|' || case
                    when events.identity_source = 'portal' then portal_events.communication_id
                    when events.identity_source = 'ehr' then events.source_record_id
                end
            when events.activity = 'paid_bill'
                then 'payment|' || coalesce(portal_events.statement_id, payments.statement_id)
        end as event_name
    from {{ ref('int_journey__events') }} as events
    left join portal_events on events.identity_source = 'portal' and events.source_record_id = portal_events.message_id
    left join {{ ref('stg_billing__payments') }} as payments
        on events.identity_source = 'billing' and events.source_record_id = payments.payment_id
),

pairs as (
    select
        retold.activity_id,
        kept.activity_id as kept_activity_id,
        abs({{ seconds_between('kept.ts', 'retold.ts') }}) as seconds_apart
    from named as retold
    inner join named as kept on retold.event_name = kept.event_name
    where
        retold.identity_source = 'portal'
        and kept.identity_source <> 'portal'
        and kept.ts between
        retold.ts - interval {{ journey_rule('same_event_hours') }} hours
        and retold.ts + interval {{ journey_rule('same_event_hours') }} hours
),

ranked as (
    select
        activity_id,
        kept_activity_id,
        row_number() over (partition by activity_id order by seconds_apart, kept_activity_id) as nearness
    from pairs
)

select
    activity_id,
    kept_activity_id
from ranked
where nearness = 1
