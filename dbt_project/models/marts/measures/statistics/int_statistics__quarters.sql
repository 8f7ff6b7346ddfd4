{{ config(meta={'exchange_order': 'person_key, exposure_start'}) }}

-- Cases of statistics about a person's quarter: experience_outcomes (exposures end before outcomes open) of people with
-- a chart, with what else was known when the exposure quarter opened. Who died in the outcome quarter is left out.
with quarters as (
    select
        outcomes.*,
        persons.person_key,
        coalesce(sum(outcomes.n_visits) over (
            partition by outcomes.person_id order by outcomes.exposure_start
            range between interval 12 month preceding and interval 3 month preceding
        ), 0) as n_earlier_visits
    from {{ ref('experience_outcomes') }} as outcomes
    inner join {{ ref('int_statistics__persons') }} as persons on outcomes.person_id = persons.person_id
)

select
    quarters.person_key,
    quarters.exposure_start,
    quarters.department_id,
    {{ department_quarter('quarters.department_id', 'quarters.exposure_start') }} as department_quarter,
    departments.sub_sector,
    quarters.generation,
    quarters.sex,
    quarters.payer,
    quarters.age_years,
    coalesce(conditions.n_conditions, 0) as n_conditions,
    cast(quarters.n_earlier_visits as integer) as n_earlier_visits,
    quarters.n_failed,
    quarters.n_transfers,
    quarters.n_channel_switches,
    quarters.mean_lead_days,
    quarters.mean_lobby_minutes,
    quarters.mean_queue_seconds / 60.0 as mean_queue_minutes,
    quarters.mean_nps_score,
    quarters.mean_csat_score,
    quarters.mean_ces_score,
    quarters.n_therapies,
    quarters.pdc,
    quarters.is_adherent,
    quarters.kept_share,
    quarters.kept_share < 1 as has_missed,
    quarters.has_returned
from quarters
left join {{ ref('dim_department') }} as departments on quarters.department_id = departments.department_id
left join {{ ref('int_statistics__conditions') }} as conditions
    on
        quarters.person_id = conditions.person_id
        and quarters.exposure_start > conditions.known_on
        and quarters.exposure_start <= coalesce(conditions.until_on, date '9999-12-31')
where not coalesce(quarters.died_in_outcome, false)
