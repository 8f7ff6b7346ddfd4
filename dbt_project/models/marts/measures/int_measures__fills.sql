-- One row per fill and ingredient: what was supplied, from when and for how many days, on the person's ambulatory
-- calendar (macros/supply.sql). Within a person and drug class dispenses (trust 1) win over pharmacy claims (2), those
-- over requests (3). A fill whose days of supply, or whose own day, nobody knows keeps its row (days_supply null), and
-- counts as missing, never guessed. Class and ingredient are numbers (0 where no product is known; macro drug_classes
-- names the classes), and which record told of it is not kept: texts of tens of millions of fills would cost as much as
-- all the rest.
{%- set filled_at = 'coalesce(dispense.handed_over_at, dispense.prepared_at)' %}
{%- set last_on = "cast(" ~ local_time("utc_days.utc_day + interval 86399 second") ~ " as date)" %}

with utc_days as (
    select distinct cast({{ filled_at }} as date) as utc_day
    from {{ ref('stg_ehr__medication_dispenses') }} as dispense
),

-- The local days that a UTC day is part of: asking the calendar for every fill would take as long as sorting them.
local_days as (
    select
        utc_days.utc_day,
        cast({{ local_time('cast(utc_days.utc_day as timestamp)') }} as date) as first_on,
        {{ last_on }} as last_on,
        {{ start_of_local_day(last_on) }} as last_begins_at
    from utc_days
),

supplies as (
    select
        cast(1 as smallint) as trust,
        dispense.patient_id,
        dispense.medication_code,
        case when {{ filled_at }} >= days.last_begins_at then days.last_on else days.first_on end as filled_on,
        dispense.days_supply
    from {{ ref('stg_ehr__medication_dispenses') }} as dispense
    left join local_days as days on cast({{ filled_at }} as date) = days.utc_day
    where dispense.status = 'completed'

    union all

    select
        cast(2 as smallint) as trust,
        claim.patient_id,
        claim.medication_code,
        claim.filled_on,
        claim.days_supply
    from {{ ref('stg_ehr__pharmacy_claims') }} as claim
    where claim.status = 'active'

    union all

    select
        cast(3 as smallint) as trust,
        request.patient_id,
        request.medication_code,
        cast({{ local_time('request.starts_at') }} as date) as filled_on,
        request.total_days_supply as days_supply
    from {{ ref('stg_ehr__medication_requests') }} as request
    where
        request.status in ('active', 'completed', 'on-hold', 'stopped')
        and request.intent in ('order', 'original-order', 'instance-order', 'filler-order', 'reflex-order')
),

products as (
    select
        products.product_code,
        dense_rank() over (order by products.drug_class) as class_number,
        dense_rank() over (order by products.ingredient) as ingredient_number,
        row_number() over (
            partition by products.product_code, products.drug_class order by products.ingredient
        ) as place_in_class
    from {{ ref('drug_products') }} as products
),

classified as (
    select
        patients.person_id,
        supplies.trust,
        supplies.filled_on,
        case
            when supplies.days_supply >= 1 and supplies.filled_on is not null
                then cast(floor(supplies.days_supply) as integer)
        end as days_supply,
        cast(coalesce(products.class_number, 0) as smallint) as class_number,
        cast(coalesce(products.ingredient_number, 0) as smallint) as ingredient_number,
        coalesce(products.place_in_class, 1) = 1 as is_first_ingredient
    from supplies
    inner join {{ ref('int_measures__patients') }} as patients on supplies.patient_id = patients.patient_id
    cross join {{ ref('night') }} as night
    left join products on supplies.medication_code = products.product_code
    where coalesce(supplies.filled_on <= night.as_of_date, true)
),

-- Only what several sources tell of competes; a fill of which no day is known displaces none.
less_trusted as (
    select classified.person_id
    from classified
    where classified.trust > 1
),

most_trusted as (
    select
        classified.person_id,
        classified.class_number,
        min(case when classified.filled_on is not null then classified.trust end) as trust
    from classified
    where classified.person_id in (select less_trusted.person_id from less_trusted)
    group by classified.person_id, classified.class_number
    having min(case when classified.filled_on is not null then classified.trust end) < max(classified.trust)
),

fill_days as (
    select distinct
        classified.person_id,
        classified.filled_on
    from classified
    where classified.person_id in (select stays.person_id from {{ ref('int_measures__inpatient_stays') }} as stays)
),

stay_days as (
    select
        fill_days.person_id,
        fill_days.filled_on,
        sum({{ stay_days_before('stays', 'fill_days.filled_on') }}) as days_before
    from fill_days
    inner join {{ ref('int_measures__inpatient_stays') }} as stays
        on fill_days.person_id = stays.person_id and fill_days.filled_on > stays.first_on
    where {{ measure_parameter('pdc_adjust_inpatient') }}
    group by fill_days.person_id, fill_days.filled_on
)

select
    classified.person_id,
    classified.class_number,
    classified.ingredient_number,
    classified.is_first_ingredient,
    classified.filled_on,
    classified.days_supply,
    {{ ambulatory_day('classified.filled_on', 'stay_days.days_before') }} as ambulatory_day,
    -- Counted here once: between two fills of an ingredient the difference is what the later ones supply, in whatever
    -- period. It also lays a person's fills side by side, so that those who read them sort and group less.
    cast(sum(classified.days_supply) over (
        partition by classified.person_id
        order by classified.class_number, classified.ingredient_number, classified.filled_on
        rows between unbounded preceding and current row
    ) as integer) as days_so_far
from classified
left join most_trusted
    on classified.person_id = most_trusted.person_id and classified.class_number = most_trusted.class_number
left join stay_days on classified.person_id = stay_days.person_id and classified.filled_on = stay_days.filled_on
where most_trusted.trust is null or classified.trust <= most_trusted.trust
