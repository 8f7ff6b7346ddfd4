-- Contacts as facts of call_center_service (MEASURES section 3). Offered = answered or abandoned in the queue; a caller
-- who asked to be called back is neither.
with calls as (
    select
        calls.*,
        calls.is_answered and calls.queued_at is not null as was_answered_from_queue,
        (calls.is_answered or calls.is_abandoned) and calls.queued_at is not null as is_offered,
        calls.talk_seconds + coalesce(calls.hold_seconds, 0) + coalesce(calls.after_call_work_seconds, 0)
            as handle_seconds,
        -- The next contact of the same person about the same thing; a transfer or callback within one conversation is
        -- none.
        min(
            case when calls.previous_contact_id is null and not calls.is_transfer then calls.initiated_at end
        ) over (
            partition by calls.person_id, calls.reason
            order by calls.initiated_at, calls.contact_id
            rows between 1 following and unbounded following
        ) as next_contact_at
    from {{ ref('int_measures__calls') }} as calls
),

facts as (
    select
        'CALL-ABANDONMENT' as measure_id,
        calls.*,
        calls.is_offered as is_counted,
        false as is_missing,
        case when calls.is_abandoned then 1.0 else 0.0 end as amount
    from calls

    union all

    select
        'CALL-ABANDONMENT-LONG' as measure_id,
        calls.*,
        calls.is_offered
        and not (
            calls.is_abandoned and calls.queue_wait_seconds < {{ measure_parameter('short_abandon_seconds') }}
        ) as is_counted,
        false as is_missing,
        case when calls.is_abandoned then 1.0 else 0.0 end as amount
    from calls

    union all

    select
        'CALL-SERVICE-LEVEL' as measure_id,
        calls.*,
        calls.is_offered and calls.queue_wait_seconds is not null as is_counted,
        calls.is_offered and calls.queue_wait_seconds is null as is_missing,
        case
            when
                calls.is_answered and calls.queue_wait_seconds <= {{ measure_parameter('service_level_seconds') }}
                then 1.0
            else 0.0
        end as amount
    from calls

    union all

    select
        'CALL-ASA' as measure_id,
        calls.*,
        calls.was_answered_from_queue and calls.queue_wait_seconds is not null as is_counted,
        calls.was_answered_from_queue and calls.queue_wait_seconds is null as is_missing,
        calls.queue_wait_seconds as amount
    from calls

    union all

    select
        'CALL-AHT' as measure_id,
        calls.*,
        calls.is_answered and calls.handle_seconds is not null as is_counted,
        calls.is_answered and calls.handle_seconds is null as is_missing,
        calls.handle_seconds as amount
    from calls

    union all

    -- First contact resolution needs the seven days after the contact to have passed, and to know whose call it was.
    select
        'CALL-FCR' as measure_id,
        calls.*,
        calls.is_resolved
        and calls.person_id is not null
        and {{ add_days('calls.contacted_on', measure_parameter('fcr_days')) }} <= night.as_of_date as is_counted,
        calls.is_answered and (calls.is_resolved is null or calls.person_id is null) as is_missing,
        case
            when
                calls.next_contact_at <= calls.initiated_at + interval {{ measure_parameter('fcr_days') }} day
                then 0.0
            else 1.0
        end as amount
    from calls
    cross join {{ ref('night') }} as night
)

select
    facts.measure_id,
    facts.person_id,
    facts.contacted_on as counted_on,
    facts.department_id,
    facts.agent_id as provider_id,
    facts.channel,
    case when facts.is_counted then cast(facts.amount as double) end as numerator,
    case when facts.is_counted then 1.0 end as denominator,
    case when coalesce(facts.is_counted, false) or facts.is_missing then 0 else 1 end as excluded_n,
    case when facts.is_missing and not coalesce(facts.is_counted, false) then 1 else 0 end as missing_n
from facts
