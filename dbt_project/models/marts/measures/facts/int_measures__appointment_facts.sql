-- Appointments as facts of appointment_adherence (MEASURES section 2).
with appointments as (
    select
        appointments.*,
        appointments.outcome in ('kept', 'no_show') as is_due,
        appointments.outcome in ('kept', 'no_show', 'late_cancel') as is_opportunity,
        appointments.outcome in ('cancelled_by_unknown', 'outcome_unknown') as is_missing
    from {{ ref('int_measures__appointments') }} as appointments
),

counted as (
    select
        appointments.*,
        measures.measure_id,
        case measures.measure_id
            when 'APPT-NO-SHOW' then appointments.is_due
            else appointments.is_opportunity
        end as is_counted,
        case measures.measure_id
            when 'APPT-NO-SHOW' then appointments.outcome = 'no_show'
            when 'APPT-LATE-CANCEL' then appointments.outcome = 'late_cancel'
            when 'APPT-MISSED' then appointments.outcome in ('no_show', 'late_cancel')
            when 'APPT-ADHERENCE' then appointments.outcome = 'kept'
        end as is_hit
    from appointments
    inner join {{ ref('measures') }} as measures on measures.mart = 'appointment_adherence'
)

select
    counted.measure_id,
    counted.person_id,
    counted.start_on as counted_on,
    counted.department_id,
    counted.location_id,
    counted.provider_id,
    cast(null as varchar) as channel,
    case when counted.is_counted then case when counted.is_hit then 1.0 else 0.0 end end as numerator,
    case when counted.is_counted then 1.0 end as denominator,
    case when counted.is_counted or counted.is_missing then 0 else 1 end as excluded_n,
    case when counted.is_missing then 1 else 0 end as missing_n
from counted
