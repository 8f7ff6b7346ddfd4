-- One row per person and run of inpatient days (both ends counted): overlapping and adjoining stays merged.
-- The discharge day is no stay day unless parameter pdc_count_discharge_day_as_stay; a stay without an end runs to the
-- night's date.
with stays as (
    select
        patients.person_id,
        cast({{ local_time('encounter.started_at') }} as date) as first_on,
        case
            when encounter.ended_at is null then night.as_of_date
            when {{ measure_parameter('pdc_count_discharge_day_as_stay') }}
                then cast({{ local_time('encounter.ended_at') }} as date)
            else {{ add_days('cast(' ~ local_time('encounter.ended_at') ~ ' as date)', '-1') }}
        end as last_on
    from {{ ref('stg_ehr__encounters') }} as encounter
    inner join {{ ref('int_measures__patients') }} as patients on encounter.patient_id = patients.patient_id
    cross join {{ ref('night') }} as night
    where
        encounter.class_code in ('IMP', 'ACUTE', 'NONAC')
        and encounter.status in ('in-progress', 'onleave', 'finished')
        and encounter.started_at is not null
),

ordered as (
    select
        stays.person_id,
        stays.first_on,
        stays.last_on,
        max(stays.last_on) over (
            partition by stays.person_id
            order by stays.first_on, stays.last_on
            rows between unbounded preceding and 1 preceding
        ) as reached_on
    from stays
    where stays.last_on >= stays.first_on
),

runs as (
    select
        ordered.person_id,
        ordered.first_on,
        ordered.last_on,
        sum(case when ordered.first_on <= {{ add_days('ordered.reached_on', '1') }} then 0 else 1 end) over (
            partition by ordered.person_id
            order by ordered.first_on, ordered.last_on
            rows between unbounded preceding and current row
        ) as run_number
    from ordered
)

select
    runs.person_id,
    min(runs.first_on) as first_on,
    max(runs.last_on) as last_on
from runs
group by runs.person_id, runs.run_number
