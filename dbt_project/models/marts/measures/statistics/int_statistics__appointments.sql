{{ config(meta={'exchange_order': 'appointment_id'}) }}

-- Cases of statistics about an appointment: one row per appointment that was kept, missed or cancelled late, with the
-- wait that was known when it was made. A miss is recovered on the first visit the person makes there afterwards.
with appointments as (
    select
        appointments.*,
        count(*) over (
            partition by appointments.person_id order by appointments.start_on
            range between interval 365 day preceding and interval 1 day preceding
        ) as n_earlier_visits
    from {{ ref('int_measures__appointments') }} as appointments
    where appointments.outcome in ('kept', 'no_show', 'late_cancel') and appointments.person_id is not null
),

recoveries as (
    select
        appointments.appointment_id,
        min(visits.visit_on) as recovered_on
    from appointments
    inner join {{ ref('int_statistics__visits') }} as visits
        on appointments.department_id = visits.department_id and appointments.start_on < visits.visit_on
    inner join {{ ref('int_statistics__persons') }} as persons
        on appointments.person_id = persons.person_id and visits.person_key = persons.person_key
    where appointments.outcome <> 'kept'
    group by appointments.appointment_id
)

select
    appointments.appointment_id,
    persons.person_key,
    appointments.start_on,
    night.as_of_date,
    appointments.department_id,
    {{ department_quarter('appointments.department_id', 'appointments.start_on') }} as department_quarter,
    departments.sub_sector,
    persons.generation,
    persons.sex,
    persons.payer,
    cast({{ days_between('persons.birth_date', 'appointments.start_on') }} / 365.25 as double) as age_years,
    coalesce(conditions.n_conditions, 0) as n_conditions,
    cast(appointments.n_earlier_visits as integer) as n_earlier_visits,
    case when appointments.lead_days >= 0 then appointments.lead_days end as lead_days,
    appointments.outcome <> 'kept' as is_missed,
    recoveries.recovered_on
from appointments
cross join {{ ref('night') }} as night
inner join {{ ref('int_statistics__persons') }} as persons on appointments.person_id = persons.person_id
left join {{ ref('dim_department') }} as departments on appointments.department_id = departments.department_id
left join recoveries on appointments.appointment_id = recoveries.appointment_id
left join {{ ref('int_statistics__conditions') }} as conditions
    on
        appointments.person_id = conditions.person_id
        and appointments.start_on > conditions.known_on
        and appointments.start_on <= coalesce(conditions.until_on, date '9999-12-31')
