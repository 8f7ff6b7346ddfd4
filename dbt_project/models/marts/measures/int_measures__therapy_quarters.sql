-- Days covered in each calendar quarter by therapies already under way when it opened: a fill of the class in the 365
-- days before. Supply carries in, so the quarter is judged whole from its first day.
with fills as (
    select distinct
        fills.person_id,
        fills.drug_class,
        fills.filled_on,
        cast(date_trunc('quarter', fills.filled_on) as date) as fill_quarter
    from {{ ref('int_measures__fills') }} as fills
    where fills.days_supply is not null and fills.drug_class <> 'unknown'
),

later as (
    select 1 as n
    union all
    select 2 as n
    union all
    select 3 as n
    union all
    select 4 as n
    union all
    select 5 as n
),

quarters as (
    select
        fills.person_id,
        fills.drug_class,
        cast(fills.fill_quarter + later.n * interval 3 month as date) as quarter_start,
        max(fills.filled_on) as last_fill_on
    from fills
    cross join later
    group by fills.person_id, fills.drug_class, cast(fills.fill_quarter + later.n * interval 3 month as date)
),

windows as (
    select
        quarters.person_id,
        quarters.drug_class,
        quarters.quarter_start,
        least(
            {{ period_end('quarters.quarter_start', "'quarter'") }}, coalesce(people.deceased_on, date '9999-12-31')
        ) as window_end
    from quarters
    inner join {{ ref('int_measures__people') }} as people on quarters.person_id = people.person_id
    cross join {{ ref('night') }} as night
    where
        {{ days_between('quarters.last_fill_on', 'quarters.quarter_start') }}
        <= {{ measure_parameter('therapy_lookback_days') }}
        and {{ period_end('quarters.quarter_start', "'quarter'") }} <= night.as_of_date
        and (people.deceased_on is null or people.deceased_on >= quarters.quarter_start)
),

stay_days as (
    select
        windows.person_id,
        windows.drug_class,
        windows.quarter_start,
        sum({{ stay_days_before('stays', 'windows.quarter_start') }}) as before_start,
        sum({{ stay_days_before('stays', add_days('windows.window_end', '1')) }}) as through_end
    from windows
    inner join {{ ref('int_measures__inpatient_stays') }} as stays on windows.person_id = stays.person_id
    where {{ measure_parameter('pdc_adjust_inpatient') }}
    group by windows.person_id, windows.drug_class, windows.quarter_start
),

numbered as (
    select
        windows.*,
        {{ ambulatory_day('windows.quarter_start', 'stay_days.before_start') }} as first_day,
        {{ ambulatory_day('windows.window_end', 'stay_days.through_end') }} as last_day
    from windows
    left join stay_days
        on
            windows.person_id = stay_days.person_id
            and windows.drug_class = stay_days.drug_class
            and windows.quarter_start = stay_days.quarter_start
)

select
    numbered.person_id,
    numbered.drug_class,
    numbered.quarter_start,
    max(numbered.last_day - numbered.first_day + 1) as therapy_days,
    coalesce(sum(
        least(supply.last_day, numbered.last_day) - greatest(supply.first_day, numbered.first_day) + 1
    ), 0) as covered_days
from numbered
left join {{ ref('int_measures__supply') }} as supply
    on
        numbered.person_id = supply.person_id
        and numbered.drug_class = supply.drug_class
        and numbered.last_day >= supply.first_day
        and numbered.first_day <= supply.last_day
group by numbered.person_id, numbered.drug_class, numbered.quarter_start
