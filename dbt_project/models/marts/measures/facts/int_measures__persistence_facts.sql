-- Persons starting a drug class as facts of persistence (MEASURES section 1): days from the first fill to the first gap
-- longer than the permissible one, censored at disenrolment, death or the night. Inpatient days do not count as gaps.
with {{ drug_classes() }},

starts as (
    select
        fills.person_id,
        drug_classes.drug_class,
        min(fills.filled_on) as index_on
    from {{ ref('int_measures__fills') }} as fills
    inner join drug_classes on fills.class_number = drug_classes.class_number
    where fills.days_supply is not null
    group by fills.person_id, drug_classes.drug_class
),

followed as (
    select
        starts.person_id,
        starts.drug_class,
        starts.index_on as first_on,
        least(
            night.as_of_date,
            coalesce(people.deceased_on, date '9999-12-31'),
            case when people.disenrolled_on >= starts.index_on then people.disenrolled_on else date '9999-12-31' end
        ) as last_on
    from starts
    inner join {{ ref('int_measures__people') }} as people on starts.person_id = people.person_id
    cross join {{ ref('night') }} as night
),

{{ ambulatory_windows('followed', ['person_id', 'drug_class']) }},

runs as (
    select
        windows.person_id,
        windows.drug_class,
        windows.first_on as index_on,
        windows.last_day as window_end,
        min(supply.first_day) over by_therapy as index_day,
        least(supply.last_day, windows.last_day) as last_day,
        coalesce(lead(supply.first_day) over by_therapy, windows.last_day + 1) - supply.last_day - 1 as gap_days
    from ambulatory_windows as windows
    inner join {{ ref('int_measures__supply') }} as supply
        on
            windows.person_id = supply.person_id
            and windows.drug_class = supply.drug_class
            and windows.last_day >= supply.first_day
    window by_therapy as (
        partition by windows.person_id, windows.drug_class
        order by supply.run_number
        rows between unbounded preceding and unbounded following
    )
)

select
    measures.measure_id,
    runs.person_id,
    runs.index_on as counted_on,
    cast(null as varchar) as department_id,
    cast(null as varchar) as provider_id,
    cast(null as varchar) as channel,
    runs.drug_class,
    cast(
        coalesce(
            min(case when runs.gap_days > cast(measures.metric as integer) then runs.last_day end),
            max(runs.window_end)
        ) - min(runs.index_day) + 1 as double
    ) as waited,
    max(case when runs.gap_days > cast(measures.metric as integer) then 1 else 0 end) as is_event,
    0 as excluded_n,
    0 as missing_n
from runs
-- The catalogue's metric of these measures is the permissible gap in days.
inner join {{ ref('measures') }} as measures on measures.mart = 'persistence'
group by measures.measure_id, runs.person_id, runs.index_on, runs.drug_class

union all

-- Who was supplied with a class for days that nobody knows, or with a drug of no known class.
select
    measures.measure_id,
    fills.person_id,
    min(fills.filled_on) as counted_on,
    cast(null as varchar) as department_id,
    cast(null as varchar) as provider_id,
    cast(null as varchar) as channel,
    coalesce(drug_classes.drug_class, 'unknown') as drug_class,
    cast(null as double) as waited,
    0 as is_event,
    0 as excluded_n,
    1 as missing_n
from {{ ref('int_measures__fills') }} as fills
left join drug_classes on fills.class_number = drug_classes.class_number
inner join {{ ref('measures') }} as measures on measures.mart = 'persistence'
group by measures.measure_id, fills.person_id, drug_classes.drug_class
having drug_classes.drug_class is null or count(fills.days_supply) = 0
