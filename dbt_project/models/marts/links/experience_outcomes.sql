-- One row per person and quarter: what the person went through (exposure), and what followed in the next quarter
-- (outcome). The exposure window ends the day before the outcome window opens; rows only where the outcome window is
-- over by the night's date and the person lived to see it open.
with exposures as (
    select
        exposures.*,
        cast(exposures.quarter_start + interval 3 month as date) as outcome_start
    from {{ ref('int_measures__exposure_quarters') }} as exposures
),

adherence as (
    select
        quarters.person_id,
        quarters.quarter_start,
        count(*) as n_therapies,
        sum(quarters.covered_days) as covered_days,
        sum(quarters.therapy_days) as therapy_days
    from {{ ref('int_measures__therapy_quarters') }} as quarters
    group by quarters.person_id, quarters.quarter_start
),

appointments as (
    select
        appointments.person_id,
        cast(date_trunc('quarter', appointments.start_on) as date) as quarter_start,
        count(*) as n_due,
        sum(case when appointments.outcome = 'kept' then 1 else 0 end) as n_kept
    from {{ ref('int_measures__appointments') }} as appointments
    where appointments.outcome in ('kept', 'no_show', 'late_cancel')
    group by appointments.person_id, cast(date_trunc('quarter', appointments.start_on) as date)
),

visits as (
    select
        visits.person_id,
        cast(date_trunc('quarter', visits.visit_on) as date) as quarter_start,
        count(*) as n_visits
    from {{ ref('int_measures__visits') }} as visits
    where visits.status in ('arrived', 'triaged', 'in-progress', 'onleave', 'finished')
    group by visits.person_id, cast(date_trunc('quarter', visits.visit_on) as date)
)

select
    'EXPERIENCE-OUTCOMES' as measure_id,
    {{ measure_parameter('spec_version') }} as spec_version,
    exposures.person_id,
    exposures.quarter_start as exposure_start,
    {{ period_end('exposures.quarter_start', "'quarter'") }} as exposure_end,
    exposures.outcome_start,
    {{ period_end('exposures.outcome_start', "'quarter'") }} as outcome_end,
    exposures.department_id,
    people.generation,
    people.sex,
    people.payer,
    cast({{ days_between('people.birth_date', 'exposures.quarter_start') }} / 365.25 as double) as age_years,
    cast(exposures.n_touchpoints as integer) as n_touchpoints,
    cast(coalesce(visits.n_visits, 0) as integer) as n_visits,
    cast(exposures.n_calls as integer) as n_calls,
    cast(exposures.n_failed as integer) as n_failed,
    cast(exposures.n_transfers as integer) as n_transfers,
    cast(exposures.n_channel_switches as integer) as n_channel_switches,
    exposures.mean_lead_days,
    exposures.longest_lead_days,
    exposures.mean_lobby_minutes,
    exposures.mean_exam_minutes,
    exposures.mean_queue_seconds,
    cast(exposures.n_responses as integer) as n_responses,
    exposures.mean_nps_score,
    exposures.mean_csat_score,
    exposures.mean_ces_score,
    exposures.has_negative_response = 1 as has_negative_response,
    cast(coalesce(adherence.n_therapies, 0) as integer) as n_therapies,
    cast(adherence.covered_days as integer) as pdc_covered_days,
    cast(adherence.therapy_days as integer) as pdc_days,
    adherence.covered_days / cast(nullif(adherence.therapy_days, 0) as double) as pdc,
    adherence.covered_days >= adherence.therapy_days * {{ measure_parameter('pdc_adherent') }} as is_adherent,
    cast(coalesce(appointments.n_due, 0) as integer) as n_appointments_due,
    cast(appointments.n_kept as integer) as n_appointments_kept,
    appointments.n_kept / cast(nullif(appointments.n_due, 0) as double) as kept_share,
    returned.person_id is not null as has_returned,
    people.deceased_on between exposures.outcome_start
    and {{ period_end('exposures.outcome_start', "'quarter'") }} as died_in_outcome
from exposures
inner join {{ ref('int_measures__people') }} as people on exposures.person_id = people.person_id
cross join {{ ref('night') }} as night
left join visits
    on exposures.person_id = visits.person_id and exposures.quarter_start = visits.quarter_start
left join visits as returned
    on exposures.person_id = returned.person_id and exposures.outcome_start = returned.quarter_start
left join adherence
    on exposures.person_id = adherence.person_id and exposures.outcome_start = adherence.quarter_start
left join appointments
    on exposures.person_id = appointments.person_id and exposures.outcome_start = appointments.quarter_start
where
    {{ period_end('exposures.outcome_start', "'quarter'") }} <= night.as_of_date
    and (people.deceased_on is null or people.deceased_on >= exposures.outcome_start)
