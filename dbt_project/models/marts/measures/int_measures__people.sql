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
),

-- The six questions of the American Community Survey: one yes makes a disability, only noes make none.
answers as (
    select
        crosswalk.person_id,
        max(case answer.value_set when 'answer_yes' then 1 else 0 end) as has_disability
    from {{ ref('stg_ehr__observations') }} as observation
    inner join {{ ref('int_measures__patients') }} as crosswalk on observation.patient_id = crosswalk.patient_id
    inner join {{ ref('measure_codes') }} as question
        on
            observation.code_system = question.code_system
            and observation.code = question.code
            and question.value_set = 'disability_question'
    inner join {{ ref('measure_codes') }} as answer
        on observation.value_code = answer.code and answer.value_set in ('answer_yes', 'answer_no')
    where observation.status in ('final', 'amended', 'corrected')
    group by crosswalk.person_id
),

-- Whoever has a chart has a count, if only of none.
charts as (
    select
        crosswalk.person_id,
        count(distinct chronic.condition) as n_chronic_conditions
    from {{ ref('int_measures__patients') }} as crosswalk
    left join {{ ref('stg_ehr__conditions') }} as condition
        on
            crosswalk.patient_id = condition.patient_id
            and coalesce(condition.verification_status, 'confirmed') not in ('refuted', 'entered-in-error')
            and coalesce(condition.clinical_status, 'active') not in ('inactive', 'resolved')
    left join {{ ref('chronic_conditions') }} as chronic
        on
            condition.code_system = chronic.code_system
            and chronic.code = case
                when condition.code_system = 'http://snomed.info/sct' then condition.code
                else left(condition.code, 3)
            end
    group by crosswalk.person_id
),

homes as (
    select
        person.person_id,
        min(zips.rurality) as rurality
    from {{ ref('dim_person') }} as person
    inner join {{ ref('zip_rurality') }} as zips on person.postal_code between zips.zip_from and zips.zip_to
    group by person.person_id
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
    case answers.has_disability when 1 then 'yes' when 0 then 'no' end as disability,
    case
        when charts.n_chronic_conditions <= 1 then '0-1'
        when charts.n_chronic_conditions <= 3 then '2-3'
        when charts.n_chronic_conditions <= 5 then '4-5'
        when charts.n_chronic_conditions > 5 then '6+'
    end as chronic_conditions,
    homes.rurality,
    person.deceased_on,
    -- The last day that any coverage reaches; null while one is open or where none is known.
    coverages.ended_on as disenrolled_on
from {{ ref('dim_person') }} as person
left join coverages on person.person_id = coverages.person_id and coverages.newest = 1
left join answers on person.person_id = answers.person_id
left join charts on person.person_id = charts.person_id
left join homes on person.person_id = homes.person_id
