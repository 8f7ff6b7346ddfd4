-- One row per person with a chart: who the person is in a statistic. `person_key` is the person's smallest chart id:
-- unlike the random person id it is the same in every home, so sampling and the order of sums are too.
with charts as (
    select
        patients.person_id,
        min(patients.patient_id) as person_key
    from {{ ref('int_measures__patients') }} as patients
    where patients.person_id is not null
    group by patients.person_id
)

select
    charts.person_id,
    charts.person_key,
    people.birth_date,
    people.generation,
    people.sex,
    people.payer
from charts
inner join {{ ref('int_measures__people') }} as people on charts.person_id = people.person_id
