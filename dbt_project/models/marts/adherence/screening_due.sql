-- One row per person and screening that the rules in force on the night foresee for the person.
with rules as (
    select rules.*
    from {{ ref('screening_rules') }} as rules
    inner join {{ ref('night') }} as night
        on rules.valid_from <= night.as_of_date and coalesce(rules.valid_to, date '9999-12-31') >= night.as_of_date
),

noted as (
    select
        patients.person_id,
        codes.value_set
    from {{ ref('stg_ehr__conditions') }} as condition
    inner join {{ ref('measure_codes') }} as codes
        on condition.code_system = codes.code_system and condition.code = codes.code
    inner join {{ ref('int_measures__patients') }} as patients on condition.patient_id = patients.patient_id
    group by patients.person_id, codes.value_set
),

eligible as (
    select
        people.person_id,
        rules.screening,
        rules.method,
        rules.interval_months,
        people.birth_date is not null
        and (rules.sex = 'any' or coalesce(people.sex, 'unknown') = rules.sex) as is_foreseen
    from {{ ref('int_measures__people') }} as people
    cross join {{ ref('night') }} as night
    inner join rules
        on
            -- Whose sex or age is not known may be one of those whom the rule means.
            (rules.sex = 'any' or coalesce(people.sex, 'unknown') in (rules.sex, 'unknown'))
            and coalesce(people.birth_date + rules.age_from * interval 1 year <= night.as_of_date, true)
            and coalesce(people.birth_date + (rules.age_to + 1) * interval 1 year > night.as_of_date, true)
    left join noted on people.person_id = noted.person_id and rules.for_condition = noted.value_set
    where
        coalesce(people.deceased_on > night.as_of_date, true)
        and (rules.for_condition is null or noted.person_id is not null)
),

done as (
    select
        procedures.patient_id,
        procedures.code_system,
        procedures.code,
        cast({{ local_time('procedures.performed_start_at') }} as date) as done_on
    from {{ ref('stg_ehr__procedures') }} as procedures
    where procedures.status = 'completed'
    union all
    select
        observation.patient_id,
        observation.code_system,
        observation.code,
        cast({{ local_time('observation.effective_at') }} as date) as done_on
    from {{ ref('stg_ehr__observations') }} as observation
    where observation.status in ('final', 'amended', 'corrected')
),

last_done as (
    select
        patients.person_id,
        codes.value_set as method,
        max(done.done_on) as done_on
    from done
    inner join {{ ref('measure_codes') }} as codes on done.code_system = codes.code_system and done.code = codes.code
    inner join {{ ref('int_measures__patients') }} as patients on done.patient_id = patients.patient_id
    inner join {{ ref('night') }} as night on done.done_on <= night.as_of_date
    group by patients.person_id, codes.value_set
),

methods as (
    select
        eligible.person_id,
        eligible.screening,
        eligible.is_foreseen,
        last_done.done_on,
        cast(last_done.done_on + eligible.interval_months * interval 1 month as date) as due_on
    from eligible
    left join last_done on eligible.person_id = last_done.person_id and eligible.method = last_done.method
),

-- Any method will do: the one that lasts longest decides.
screenings as (
    select
        methods.person_id,
        methods.screening,
        methods.is_foreseen,
        max(methods.done_on) as last_done_on,
        max(methods.due_on) as due_on
    from methods
    group by methods.person_id, methods.screening, methods.is_foreseen
)

select
    screenings.person_id,
    screenings.screening,
    screenings.last_done_on,
    screenings.due_on,
    case
        when not screenings.is_foreseen then 'unknown'
        when screenings.due_on is null then 'never_done'
        when screenings.due_on < night.as_of_date then 'overdue'
        when screenings.due_on = night.as_of_date then 'due'
        else 'up_to_date'
    end as status
from screenings
cross join {{ ref('night') }} as night
