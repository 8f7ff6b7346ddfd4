-- One row per wait: what was waited for, how long, and whether the wait can be true. A negative wait, or a station of a
-- visit that took more than 24 hours, is quarantined: it keeps its row and counts as excluded, never as zero. Only the
-- appointed time is no station of the visit: check-ins up to 24 hours before it are early, not wrong.
with visit_waits as (
{%- set stations = [
    ('check_in', 'scheduled_at', 'arrived_at', true),
    ('lobby', 'arrived_at', 'roomed_at', false),
    ('exam', 'roomed_at', 'seen_at', false),
    ('treatment', 'seen_at', 'departed_at', false),
    ('whole_visit', 'arrived_at', 'departed_at', false),
] %}
    {%- for wait_type, opens, closes, may_be_early in stations %}
        {{ 'union all' if not loop.first }}
        select
            '{{ wait_type }}' as wait_type,
            visits.encounter_id as wait_record_id,
            visits.person_id,
            visits.visit_on as counted_on,
            visits.department_id,
            visits.location_id,
            visits.provider_id,
            'in_person' as channel,
            'minutes' as unit,
            {{ seconds_between('visits.' ~ opens, 'visits.' ~ closes) }} / 60.0 as elapsed,
            {{ may_be_early }} as may_be_early
        from {{ ref('int_measures__visits') }} as visits
        where
            visits.{{ opens }} is not null
            -- Until the patient comes, an appointed time is only a plan.
            and (
                {{ not may_be_early }}
                or visits.{{ closes }} is not null
                or visits.status not in ('planned', 'cancelled')
            )
            and visits.class_code in ('AMB', 'EMER')
            and visits.status <> 'entered-in-error'
    {%- endfor %}
),

waits as (
    -- Who checks in before the appointed time is not late: a wait of zero, and no error of the clocks.
    select
        visit_waits.wait_type,
        visit_waits.wait_record_id,
        visit_waits.person_id,
        visit_waits.counted_on,
        visit_waits.department_id,
        visit_waits.location_id,
        visit_waits.provider_id,
        visit_waits.channel,
        visit_waits.unit,
        case when visit_waits.may_be_early and visit_waits.elapsed < 0 then 0 else visit_waits.elapsed end as waited,
        visit_waits.elapsed < 0 and not visit_waits.may_be_early
        or abs(visit_waits.elapsed) > 60 * {{ measure_parameter('cycle_time_max_hours') }} as is_quarantined
    from visit_waits

    union all

    select
        'request_to_visit' as wait_type,
        appointments.appointment_id as wait_record_id,
        appointments.person_id,
        appointments.start_on as counted_on,
        appointments.department_id,
        appointments.location_id,
        appointments.provider_id,
        cast(null as varchar) as channel,
        'days' as unit,
        cast(appointments.lead_days as double) as waited,
        appointments.lead_days < 0 as is_quarantined
    from {{ ref('int_measures__appointments') }} as appointments
    where appointments.outcome in ('kept', 'no_show', 'late_cancel', 'outcome_unknown')

    union all

    -- OP-18: of those who left the emergency department for home, not of those admitted.
    select
        'emergency_stay' as wait_type,
        visits.encounter_id as wait_record_id,
        visits.person_id,
        visits.ended_on as counted_on,
        visits.department_id,
        visits.location_id,
        visits.provider_id,
        'in_person' as channel,
        'minutes' as unit,
        visits.stay_minutes as waited,
        visits.is_quarantined
        or visits.stay_minutes > 60 * {{ measure_parameter('cycle_time_max_hours') }} as is_quarantined
    from {{ ref('int_measures__emergency_visits') }} as visits
    where visits.decided_at is null and not visits.left_without_being_seen

    union all

    -- Of answered contacts only: how long abandoners would have waited is not known (call_center_service has them).
    select
        'queue' as wait_type,
        calls.contact_id as wait_record_id,
        calls.person_id,
        calls.contacted_on as counted_on,
        calls.department_id,
        cast(null as varchar) as location_id,
        calls.agent_id as provider_id,
        calls.channel,
        'seconds' as unit,
        cast(calls.queue_wait_seconds as double) as waited,
        calls.queue_wait_seconds < 0 as is_quarantined
    from {{ ref('int_measures__calls') }} as calls
    where calls.is_answered and calls.queued_at is not null
)

select
    waits.wait_type,
    waits.wait_record_id,
    waits.person_id,
    waits.counted_on,
    waits.department_id,
    waits.location_id,
    waits.provider_id,
    waits.channel,
    waits.unit,
    waits.waited,
    coalesce(waits.is_quarantined, false) as is_quarantined
from waits
