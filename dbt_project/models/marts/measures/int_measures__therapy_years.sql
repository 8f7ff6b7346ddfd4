-- One row per person, drug class and calendar year with a fill: the treatment period of the PQA measure (index date ..
-- the first of year end, disenrolment, death, the night), both ends counted, and who is out of the measure and why.
with {{ drug_classes() }},

years as (
    -- A combination product is one fill, however many ingredients it has.
    select
        fills.person_id,
        fills.class_number,
        cast(date_trunc('year', fills.filled_on) as date) as year_start,
        min(case when fills.days_supply is not null then fills.filled_on end) as index_on,
        min(fills.filled_on) as first_fill_on,
        {{ distinct_days_of_year('fills.filled_on') }} as n_fill_dates,
        count(case when fills.is_first_ingredient then 1 end) as n_fills,
        count(case when fills.is_first_ingredient and fills.days_supply is null then 1 end) as n_fills_without_days
    from {{ ref('int_measures__fills') }} as fills
    where fills.class_number > 0 and fills.filled_on is not null
    group by fills.person_id, fills.class_number, cast(date_trunc('year', fills.filled_on) as date)
),

treatment as (
    select
        years.*,
        drug_classes.drug_class,
        people.birth_date,
        -- With carry-in a year is counted from its first day, supply at hand included.
        case
            when {{ measure_parameter('pdc_carry_in') }} then years.year_start
            else coalesce(years.index_on, years.first_fill_on)
        end as treatment_start,
        least(
            {{ period_end('years.year_start', "'year'") }},
            night.as_of_date,
            coalesce(people.deceased_on, date '9999-12-31'),
            -- A coverage that ended before therapy began tells nothing about it.
            case
                when people.disenrolled_on >= coalesce(years.index_on, years.first_fill_on) then people.disenrolled_on
                else date '9999-12-31'
            end
        ) as treatment_end
    from years
    inner join drug_classes on years.class_number = drug_classes.class_number
    inner join {{ ref('int_measures__people') }} as people on years.person_id = people.person_id
    cross join {{ ref('night') }} as night
),

care as (
    select
        patients.person_id,
        condition.code_system,
        condition.code,
        coalesce(
            cast({{ local_time('condition.onset_at') }} as date), condition.recorded_on
        ) as noted_on
    from {{ ref('stg_ehr__conditions') }} as condition
    inner join {{ ref('int_measures__patients') }} as patients on condition.patient_id = patients.patient_id
    union all
    select
        patients.person_id,
        done.code_system,
        done.code,
        cast({{ local_time('done.performed_start_at') }} as date) as noted_on
    from {{ ref('stg_ehr__procedures') }} as done
    inner join {{ ref('int_measures__patients') }} as patients on done.patient_id = patients.patient_id
    union all
    select
        patients.person_id,
        encounter.type_system as code_system,
        encounter.type_code as code,
        cast({{ local_time('encounter.started_at') }} as date) as noted_on
    from {{ ref('stg_ehr__encounters') }} as encounter
    inner join {{ ref('int_measures__patients') }} as patients on encounter.patient_id = patients.patient_id
),

-- A chronic condition counts from its start on; a drug only when filled in the year itself.
reasons as (
    select
        care.person_id,
        exclusions.drug_class,
        exclusions.exclusion,
        min(care.noted_on) as first_on,
        date '9999-12-31' as last_on
    from care
    inner join {{ ref('adherence_exclusions') }} as exclusions
        on care.code_system = exclusions.code_system and care.code = exclusions.code
    where exclusions.kind = 'care'
    group by care.person_id, exclusions.drug_class, exclusions.exclusion
    union all
    select
        treatment.person_id,
        exclusions.drug_class,
        exclusions.exclusion,
        treatment.year_start as first_on,
        treatment.year_start as last_on
    from treatment
    inner join {{ ref('adherence_exclusions') }} as exclusions on treatment.drug_class = exclusions.code
    where exclusions.kind = 'fill' and exclusions.code_system = 'drug_class'
),

excluded as (
    select
        treatment.person_id,
        treatment.drug_class,
        treatment.year_start,
        min(reasons.exclusion) as exclusion
    from treatment
    inner join reasons
        on
            treatment.person_id = reasons.person_id
            and (reasons.drug_class = 'all' or treatment.drug_class = reasons.drug_class)
            and {{ period_end('treatment.year_start', "'year'") }} >= reasons.first_on
            and treatment.year_start <= reasons.last_on
    group by treatment.person_id, treatment.drug_class, treatment.year_start
)

select
    treatment.person_id,
    treatment.drug_class,
    treatment.year_start,
    {{ period_end('treatment.year_start', "'year'") }} as year_end,
    treatment.treatment_start,
    treatment.treatment_end,
    {{ days_between('treatment.treatment_start', 'treatment.treatment_end') }} + 1 as treatment_days,
    treatment.n_fills,
    treatment.n_fill_dates,
    treatment.n_fills_without_days,
    case
        when treatment.index_on is null then 'no_days_supply'
        when treatment.birth_date is null then 'age_unknown'
        when
            treatment.birth_date + interval {{ measure_parameter('pdc_min_age') }} year > treatment.year_start
            then 'under_age'
        when excluded.exclusion is not null then excluded.exclusion
        when treatment.n_fill_dates < {{ measure_parameter('pdc_min_fill_dates') }} then 'one_fill_date'
        when
            {{ days_between('treatment.treatment_start', 'treatment.treatment_end') }} + 1
            < {{ measure_parameter('pdc_min_treatment_days') }}
            then 'short_treatment'
    end as ineligible_reason
from treatment
left join excluded
    on
        treatment.person_id = excluded.person_id
        and treatment.drug_class = excluded.drug_class
        and treatment.year_start = excluded.year_start
