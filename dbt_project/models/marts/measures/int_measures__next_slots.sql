-- One row per Monday, provider and kind of visit: days until the third slot that was still open at that day's beginning
-- (MEASURES section 3). Whether a slot was open then is told by its appointments: booked before, not released since.
with slots as (
    select
        slot.slot_id,
        slot.start_at,
        cast({{ local_time('slot.start_at') }} as date) as start_on,
        slot.status,
        slot.service_type_code,
        schedule.department_id,
        schedule.practitioner_id as provider_id,
        schedule.location_id
    from {{ ref('stg_ehr__slots') }} as slot
    inner join {{ ref('stg_ehr__schedules') }} as schedule on slot.schedule_id = schedule.schedule_id
    where slot.start_at is not null and slot.status <> 'entered-in-error'
),

bookings as (
    select
        appointment.slot_id,
        cast({{ local_time('coalesce(appointment.created_at, appointment.requested_at)') }} as date) as booked_on,
        case
            when appointment.status = 'cancelled' then cast({{ local_time('appointment.recorded_at') }} as date)
        end as released_on
    from {{ ref('stg_ehr__appointments') }} as appointment
    where appointment.slot_id is not null and appointment.status <> 'entered-in-error'
),

sampling_days as (
    select distinct cast(date_trunc('week', slots.start_on) as date) as sampled_on
    from slots
    cross join {{ ref('night') }} as night
    where slots.start_on <= night.as_of_date
),

offered as (
    select
        sampling_days.sampled_on,
        slots.*
    from sampling_days
    inner join slots
        on
            sampling_days.sampled_on <= slots.start_on
            and slots.start_on <= {{ add_days('sampling_days.sampled_on', measure_parameter('tnaa_horizon_days')) }}
),

taken as (
    select
        offered.sampled_on,
        offered.slot_id,
        count(bookings.slot_id) as n_bookings,
        sum(
            case
                when
                    bookings.booked_on < offered.sampled_on
                    and coalesce(bookings.released_on >= offered.sampled_on, true)
                    then 1
                else 0
            end
        ) as n_held
    from offered
    left join bookings on offered.slot_id = bookings.slot_id
    group by offered.sampled_on, offered.slot_id
),

judged as (
    -- Held and frozen slots are never open; nor is a taken one of which nobody knows since when.
    select
        offered.*,
        case
            when taken.n_held > 0 then 0
            when offered.status = 'free' or offered.status = 'busy' and taken.n_bookings > 0 then 1
            else 0
        end as is_open
    from offered
    inner join taken on offered.sampled_on = taken.sampled_on and offered.slot_id = taken.slot_id
),

counted as (
    select
        judged.*,
        sum(judged.is_open) over (
            partition by
                judged.sampled_on, judged.department_id, judged.provider_id, judged.location_id,
                judged.service_type_code
            order by judged.start_at, judged.slot_id
            rows between unbounded preceding and current row
        ) as n_open
    from judged
)

select
    counted.sampled_on,
    counted.department_id,
    counted.provider_id,
    counted.location_id,
    counted.service_type_code,
    cast(
        min(
            case
                when counted.n_open >= {{ measure_parameter('tnaa_slot') }}
                    then {{ days_between('counted.sampled_on', 'counted.start_on') }}
            end
        ) as integer
    ) as days_to_third
from counted
group by
    counted.sampled_on, counted.department_id, counted.provider_id, counted.location_id, counted.service_type_code
