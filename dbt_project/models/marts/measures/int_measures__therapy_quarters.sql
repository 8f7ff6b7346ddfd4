-- Days covered in each calendar quarter by therapies already under way when it opened: a fill of the class in the 365
-- days before. Supply carries in, so the quarter is judged whole from its first day.
with {{ drug_classes('named_classes') }},

fills as (
    select
        fills.person_id,
        fills.class_number,
        cast(date_trunc('quarter', fills.filled_on) as date) as fill_quarter,
        max(fills.filled_on) as last_fill_on
    from {{ ref('int_measures__fills') }} as fills
    where fills.days_supply is not null and fills.class_number > 0
    group by fills.person_id, fills.class_number, cast(date_trunc('quarter', fills.filled_on) as date)
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
        fills.class_number,
        cast(fills.fill_quarter + later.n * interval 3 month as date) as quarter_start,
        max(fills.last_fill_on) as last_fill_on
    from fills
    cross join later
    group by fills.person_id, fills.class_number, cast(fills.fill_quarter + later.n * interval 3 month as date)
),

windows as (
    select
        quarters.person_id,
        named_classes.drug_class,
        quarters.quarter_start as window_id,
        quarters.quarter_start as window_start,
        least(
            {{ period_end('quarters.quarter_start', "'quarter'") }}, coalesce(people.deceased_on, date '9999-12-31')
        ) as window_end
    from quarters
    inner join named_classes on quarters.class_number = named_classes.class_number
    inner join {{ ref('int_measures__people') }} as people on quarters.person_id = people.person_id
    cross join {{ ref('night') }} as night
    where
        {{ days_between('quarters.last_fill_on', 'quarters.quarter_start') }}
        <= {{ measure_parameter('therapy_lookback_days') }}
        and {{ period_end('quarters.quarter_start', "'quarter'") }} <= night.as_of_date
        and (people.deceased_on is null or people.deceased_on >= quarters.quarter_start)
),

{{ adherence_in_windows('windows', carry_in=true) }}

select
    adherence.person_id,
    adherence.drug_class,
    adherence.window_id as quarter_start,
    adherence.counted_days as therapy_days,
    adherence.covered_days
from adherence
