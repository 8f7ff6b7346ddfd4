-- Persons in the PDC measure, one row each per drug class and year, as facts for medication_adherence_rates.
with {{ drug_classes() }},

persons as (
    select
        adherence.person_id,
        adherence.drug_class,
        adherence.period_start as counted_on,
        adherence.is_eligible,
        adherence.ineligible_reason in ('no_days_supply', 'age_unknown') as is_missing,
        case when adherence.is_adherent then 1.0 else 0.0 end as adherent,
        adherence.value as pdc
    from {{ ref('medication_adherence') }} as adherence

    union all

    -- Fills of products that no drug class knows, and fills of no known day: counted, so that the gap shows.
    select
        fills.person_id,
        coalesce(drug_classes.drug_class, 'unknown') as drug_class,
        cast(date_trunc('year', fills.filled_on) as date) as counted_on,
        false as is_eligible,
        true as is_missing,
        0.0 as adherent,
        null as pdc
    from {{ ref('int_measures__fills') }} as fills
    left join drug_classes on fills.class_number = drug_classes.class_number
    where fills.class_number = 0 or fills.filled_on is null
    group by fills.person_id, drug_classes.drug_class, cast(date_trunc('year', fills.filled_on) as date)
)

select
    measures.measure_id,
    persons.person_id,
    persons.counted_on,
    cast(null as varchar) as department_id,
    cast(null as varchar) as provider_id,
    cast(null as varchar) as channel,
    persons.drug_class,
    case
        when
            persons.is_eligible
            then case measures.measure_id when 'PDC-ADHERENT' then persons.adherent else persons.pdc end
    end as numerator,
    case when persons.is_eligible then 1.0 end as denominator,
    case when persons.is_eligible or persons.is_missing then 0 else 1 end as excluded_n,
    case when persons.is_missing then 1 else 0 end as missing_n
from persons
inner join {{ ref('measures') }} as measures on measures.mart = 'medication_adherence_rates'
