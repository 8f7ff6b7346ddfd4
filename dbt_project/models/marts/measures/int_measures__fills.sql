-- One row per fill and ingredient: what was supplied, from when and for how many days, on the person's ambulatory
-- calendar (macros/supply.sql). Dispenses win over requests within a person and drug class; a fill without a known
-- number of days keeps its row (days_supply null) and is counted as missing, never guessed.
with dispenses as (
    select
        patients.person_id,
        'dispense' as fill_source,
        dispense.medication_dispense_id as fill_id,
        dispense.medication_code,
        cast({{ local_time('coalesce(dispense.handed_over_at, dispense.prepared_at)') }} as date) as filled_on,
        dispense.days_supply
    from {{ ref('stg_ehr__medication_dispenses') }} as dispense
    inner join {{ ref('int_measures__patients') }} as patients on dispense.patient_id = patients.patient_id
    where dispense.status = 'completed' and coalesce(dispense.handed_over_at, dispense.prepared_at) is not null
),

requests as (
    select
        patients.person_id,
        'request' as fill_source,
        request.medication_request_id as fill_id,
        request.medication_code,
        cast({{ local_time('request.authored_at') }} as date) as filled_on,
        request.days_supply * (1 + coalesce(request.repeats_allowed, 0)) as days_supply
    from {{ ref('stg_ehr__medication_requests') }} as request
    inner join {{ ref('int_measures__patients') }} as patients on request.patient_id = patients.patient_id
    where
        request.status in ('active', 'completed', 'on-hold', 'stopped')
        and request.intent in ('order', 'original-order', 'instance-order', 'filler-order', 'reflex-order')
        and request.authored_at is not null
),

supplies as (
    select * from dispenses
    union all
    select * from requests
),

classified as (
    select
        supplies.person_id,
        supplies.fill_source,
        supplies.fill_id,
        supplies.medication_code,
        supplies.filled_on,
        case when supplies.days_supply >= 1 then cast(floor(supplies.days_supply) as integer) end as days_supply,
        coalesce(products.ingredient, 'unknown') as ingredient,
        coalesce(products.drug_class, 'unknown') as drug_class,
        max(case when supplies.fill_source = 'dispense' then 1 else 0 end) over (
            partition by supplies.person_id, coalesce(products.drug_class, 'unknown')
        ) as has_dispenses
    from supplies
    inner join {{ ref('night') }} as night on supplies.filled_on <= night.as_of_date
    left join {{ ref('drug_products') }} as products on supplies.medication_code = products.rxnorm_code
),

stay_days as (
    select
        classified.fill_id,
        classified.ingredient,
        classified.drug_class,
        sum({{ stay_days_before('stays', 'classified.filled_on') }}) as days_before
    from classified
    inner join {{ ref('int_measures__inpatient_stays') }} as stays
        on classified.person_id = stays.person_id and classified.filled_on > stays.first_on
    where {{ measure_parameter('pdc_adjust_inpatient') }}
    group by classified.fill_id, classified.ingredient, classified.drug_class
)

select
    classified.person_id,
    classified.fill_source,
    classified.fill_id,
    classified.medication_code,
    classified.ingredient,
    classified.drug_class,
    classified.filled_on,
    classified.days_supply,
    {{ ambulatory_day('classified.filled_on', 'stay_days.days_before') }} as ambulatory_day
from classified
left join stay_days
    on
        classified.fill_id = stay_days.fill_id
        and classified.ingredient = stay_days.ingredient
        and classified.drug_class = stay_days.drug_class
where classified.fill_source = 'dispense' or classified.has_dispenses = 0
