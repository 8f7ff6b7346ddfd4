-- One row per appointment: how it ended, as the appointment measures count it, and how long it was waited for.
with appointments as (
    select
        appointment.appointment_id,
        patients.person_id,
        appointment.department_id,
        appointment.location_id,
        appointment.practitioner_id,
        appointment.status,
        coalesce(appointment.cancelation_reason_code, '') as reason_code,
        appointment.recorded_at,
        appointment.start_at,
        cast({{ local_time('appointment.start_at') }} as date) as start_on,
        cast({{ local_time('coalesce(appointment.created_at, appointment.requested_at)') }} as date) as created_on,
        night.as_of,
        {{ seconds_between('appointment.recorded_at', 'appointment.start_at') }} / 3600.0 as notice_hours
    from {{ ref('stg_ehr__appointments') }} as appointment
    left join {{ ref('int_measures__patients') }} as patients on appointment.patient_id = patients.patient_id
    cross join {{ ref('night') }} as night
),

ended as (
    select
        appointments.*,
        {{ days_between('appointments.created_on', 'appointments.start_on') }} as lead_days,
        case
            when appointments.status = 'entered-in-error' then 'entered_in_error'
            when appointments.status in ('proposed', 'pending', 'waitlist') then 'waitlist'
            when appointments.status in ('fulfilled', 'arrived', 'checked-in') then 'kept'
            when appointments.status = 'noshow' then 'no_show'
            when appointments.status = 'cancelled'
                then
                    case
                        when appointments.reason_code = 'pat' or appointments.reason_code like 'pat-%'
                            then
                                case
                                    when appointments.notice_hours < {{ measure_parameter('late_cancel_hours') }}
                                        then 'late_cancel'
                                    else 'early_cancel'
                                end
                        when appointments.reason_code = '' then 'cancelled_by_unknown'
                        else 'provider_cancel'
                    end
            when appointments.start_at > appointments.as_of then 'future'
            -- Its time has passed and nobody said how it ended.
            else 'outcome_unknown'
        end as outcome
    from appointments
)

select
    ended.appointment_id,
    ended.person_id,
    ended.department_id,
    ended.location_id,
    ended.practitioner_id as provider_id,
    ended.start_at,
    ended.start_on,
    ended.created_on,
    ended.outcome,
    cast(ended.lead_days as integer) as lead_days
from ended
