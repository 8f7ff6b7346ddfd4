-- One row per wait: what was waited for, how long, and whether the wait can be true. A negative wait, or a station of a
-- visit that took more than 24 hours, is quarantined: it keeps its row and counts as excluded, never as zero.
with visit_waits as (
{%- set stations = [
    ('check_in', 'scheduled_at', 'arrived_at'),
    ('lobby', 'arrived_at', 'roomed_at'),
    ('exam', 'roomed_at', 'seen_at'),
    ('treatment', 'seen_at', 'departed_at'),
    ('whole_visit', 'arrived_at', 'departed_at'),
] %}
    {%- for wait_type, opens, closes in stations %}
        {{ 'union all' if not loop.first }}
        select
            '{{ wait_type }}' as wait_type,
            visits.encounter_id as wait_record_id,
            visits.person_id,
            visits.visit_on as counted_on,
            visits.department_id,
            visits.provider_id,
            'in_person' as channel,
            'minutes' as unit,
            {{ seconds_between('visits.' ~ opens, 'visits.' ~ closes) }} / 60.0 as waited
        from {{ ref('int_measures__visits') }} as visits
        where
            visits.{{ opens }} is not null and visits.{{ closes }} is not null
            and visits.class_code in ('AMB', 'EMER')
            and visits.status <> 'entered-in-error'
    {%- endfor %}
),

waits as (
    select
        visit_waits.*,
        visit_waits.waited < 0
        or visit_waits.waited > 60 * {{ measure_parameter('cycle_time_max_hours') }} as is_quarantined
    from visit_waits

    union all

    select
        'request_to_visit' as wait_type,
        appointments.appointment_id as wait_record_id,
        appointments.person_id,
        appointments.start_on as counted_on,
        appointments.department_id,
        appointments.provider_id,
        cast(null as varchar) as channel,
        'days' as unit,
        cast(appointments.lead_days as double) as waited,
        appointments.lead_days < 0 as is_quarantined
    from {{ ref('int_measures__appointments') }} as appointments
    where
        appointments.outcome in ('kept', 'no_show', 'late_cancel', 'outcome_unknown')
        and appointments.start_on is not null

    union all

    -- OP-18: of those who left the emergency department for home, not of those admitted.
    select
        'emergency_stay' as wait_type,
        visits.encounter_id as wait_record_id,
        visits.person_id,
        visits.visit_on as counted_on,
        visits.department_id,
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
    waits.provider_id,
    waits.channel,
    waits.unit,
    waits.waited,
    coalesce(waits.is_quarantined, false) as is_quarantined
from waits
