-- Persons starting a drug class as facts of persistence (MEASURES section 1): days from the first fill to the first gap
-- longer than the permissible one, censored at disenrolment, death or the night. Inpatient days do not count as gaps.
with starts as (
    select
        fills.person_id,
        fills.drug_class,
        min(fills.filled_on) as index_on
    from {{ ref('int_measures__fills') }} as fills
    where fills.days_supply is not null and fills.drug_class <> 'unknown'
    group by fills.person_id, fills.drug_class
),

followed as (
    select
        starts.person_id,
        starts.drug_class,
        starts.index_on,
        least(
            night.as_of_date,
            coalesce(people.deceased_on, date '9999-12-31'),
            case when people.disenrolled_on >= starts.index_on then people.disenrolled_on else date '9999-12-31' end
        ) as end_on
    from starts
    inner join {{ ref('int_measures__people') }} as people on starts.person_id = people.person_id
    cross join {{ ref('night') }} as night
),

stay_days as (
    select
        followed.person_id,
        followed.drug_class,
        sum({{ stay_days_before('stays', add_days('followed.end_on', '1')) }}) as through_end
    from followed
    inner join {{ ref('int_measures__inpatient_stays') }} as stays on followed.person_id = stays.person_id
    group by followed.person_id, followed.drug_class
),

windows as (
    select
        followed.*,
        {{ ambulatory_day('followed.end_on', 'stay_days.through_end') }} as last_day
    from followed
    left join stay_days
        on followed.person_id = stay_days.person_id and followed.drug_class = stay_days.drug_class
),

runs as (
    select
        windows.person_id,
        windows.drug_class,
        windows.index_on,
        windows.last_day as window_end,
        min(supply.first_day) over by_therapy as index_day,
        least(supply.last_day, windows.last_day) as last_day,
        coalesce(lead(supply.first_day) over by_therapy, windows.last_day + 1) - supply.last_day - 1 as gap_days
    from windows
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
