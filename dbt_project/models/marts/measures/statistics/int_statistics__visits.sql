{{ config(meta={'exchange_order': 'encounter_id'}) }}

-- Cases of statistics about a visit: one row per visit that was waited for, begun or left; what was waited before and
-- at it, the scores given about it, and what it earned. Everything adjusted for was known before the visit.
with visits as (
    select
        visits.*,
        persons.person_key,
        persons.generation,
        persons.sex,
        persons.payer,
        cast({{ days_between('persons.birth_date', 'visits.visit_on') }} / 365.25 as double) as age_years,
        count(*) over (
            partition by visits.person_id order by visits.visit_on
            range between interval 365 day preceding and interval 1 day preceding
        ) as n_earlier_visits
    from {{ ref('int_measures__visits') }} as visits
    inner join {{ ref('int_statistics__persons') }} as persons on visits.person_id = persons.person_id
    where
        visits.class_code in ('AMB', 'EMER', 'VR', 'HH')
        and (visits.status = 'finished' or visits.status = 'cancelled' and visits.arrived_at is not null)
),

waits as (
    select
        waits.wait_record_id as encounter_id,
        max(case when waits.wait_type = 'lobby' then waits.waited end) as lobby_minutes,
        max(case when waits.wait_type = 'exam' then waits.waited end) as exam_minutes
    from {{ ref('int_measures__waits') }} as waits
    where waits.wait_type in ('lobby', 'exam') and not waits.is_quarantined
    group by waits.wait_record_id
),

scores as (
    select
        responses.encounter_id,
        avg(case when responses.metric = 'nps' then responses.score end) as nps_score,
        avg(case when responses.metric = 'csat' then responses.score end) as csat_score,
        avg(case when responses.metric = 'ces' then responses.score end) as ces_score
    from {{ ref('experience_responses') }} as responses
    where
        responses.encounter_id is not null
        and responses.is_finished
        and responses.score_class not in ('missing', 'invalid')
    group by responses.encounter_id
),

revenues as (
    select
        claims.encounter_id,
        sum(claims.payer_paid_amount + coalesce(claims.patient_responsibility_amount, 0)) as revenue_amount
    from {{ ref('claims') }} as claims
    where claims.encounter_id is not null and not claims.awaits_answer
    group by claims.encounter_id
)

select
    visits.encounter_id,
    visits.person_key,
    visits.visit_on,
    night.as_of_date,
    visits.class_code as visit_type,
    visits.department_id,
    {{ department_quarter('visits.department_id', 'visits.visit_on') }} as department_quarter,
    departments.sub_sector,
    visits.generation,
    visits.sex,
    visits.payer,
    visits.age_years,
    coalesce(conditions.n_conditions, 0) as n_conditions,
    cast(visits.n_earlier_visits as integer) as n_earlier_visits,
    case when appointments.lead_days >= 0 then appointments.lead_days end as lead_days,
    waits.lobby_minutes,
    waits.exam_minutes,
    visits.status = 'cancelled' and visits.seen_at is null as left_unseen,
    scores.nps_score,
    scores.csat_score,
    scores.ces_score,
    cast(revenues.revenue_amount as double) as revenue_amount
from visits
cross join {{ ref('night') }} as night
left join {{ ref('dim_department') }} as departments on visits.department_id = departments.department_id
left join {{ ref('stg_ehr__encounters') }} as encounter on visits.encounter_id = encounter.encounter_id
left join {{ ref('int_measures__appointments') }} as appointments
    on encounter.appointment_id = appointments.appointment_id
left join waits on visits.encounter_id = waits.encounter_id
left join scores on visits.encounter_id = scores.encounter_id
left join revenues on visits.encounter_id = revenues.encounter_id
left join {{ ref('int_statistics__conditions') }} as conditions
    on
        visits.person_id = conditions.person_id
        and visits.visit_on > conditions.known_on
        and visits.visit_on <= coalesce(conditions.until_on, date '9999-12-31')
