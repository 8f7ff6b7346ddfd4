-- One row per person and day on which a diagnosis was first known: how many different ones were known by then.
with firsts as (
    select
        patients.person_id,
        condition.code,
        min(coalesce(condition.recorded_on, cast({{ local_time('condition.onset_at') }} as date))) as known_on
    from {{ ref('stg_ehr__conditions') }} as condition
    inner join {{ ref('int_measures__patients') }} as patients on condition.patient_id = patients.patient_id
    where
        condition.code is not null
        and coalesce(condition.verification_status, 'confirmed') not in ('refuted', 'entered-in-error')
    group by patients.person_id, condition.code
),

days as (
    select
        firsts.person_id,
        firsts.known_on,
        count(*) as n_new
    from firsts
    where firsts.known_on is not null
    group by firsts.person_id, firsts.known_on
)

select
    days.person_id,
    days.known_on,
    lead(days.known_on) over (partition by days.person_id order by days.known_on) as until_on,
    cast(sum(days.n_new) over (
        partition by days.person_id order by days.known_on rows between unbounded preceding and current row
    ) as integer) as n_conditions
from days
