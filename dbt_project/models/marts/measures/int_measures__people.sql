-- One row a person: the dimensions by which measures are published, and when the person can no longer be followed.
with coverages as (
    select
        crosswalk.person_id,
        coverage.payer_name,
        coverage.ended_on,
        row_number() over (
            partition by crosswalk.person_id
            order by
                coalesce(coverage.ended_on, date '9999-12-31') desc,
                coverage.started_on desc nulls last,
                coverage.coverage_id asc
        ) as newest
    from {{ ref('stg_ehr__coverages') }} as coverage
    inner join {{ ref('int_measures__patients') }} as crosswalk on coverage.patient_id = crosswalk.patient_id
    where coalesce(coverage.status, 'active') <> 'entered-in-error'
)

select
    person.person_id,
    person.birth_date,
    person.generation,
    person.sex,
    person.race,
    person.ethnicity,
    person.language,
    coverages.payer_name as payer,
    person.deceased_on,
    -- The last day that any coverage reaches; null while one is open or where none is known.
    coverages.ended_on as disenrolled_on
from {{ ref('dim_person') }} as person
left join coverages on person.person_id = coverages.person_id and coverages.newest = 1
