-- Persons as facts of retention, counted in the later year: seen in year t and again in t + 1, among those seen in t
-- and alive through t + 1; the later year must be over. Panel churn looks at 18 months instead: of those seen in the 18
-- months before the window that ends with a year, who was not seen in it.
{% set months = measure_parameter('churn_window_months') %}
with visits as (
    select
        visits.person_id,
        visits.visit_on
    from {{ ref('int_measures__visits') }} as visits
    where visits.status in ('arrived', 'triaged', 'in-progress', 'onleave', 'finished') and visits.person_id is not null
),

-- The last day of each year that is over: the panel's windows end on it.
years as (
    select distinct
        {{ period_end("cast(date_trunc('year', visits.visit_on) as date)", "'year'") }} as window_end
    from visits
),

windows as (
    select
        years.window_end,
        cast(years.window_end + interval 1 day - interval {{ months }} month as date) as window_start,
        cast(years.window_end + interval 1 day - interval {{ 2 * months }} month as date) as panel_start
    from years
    inner join {{ ref('night') }} as night on years.window_end <= night.as_of_date
),

history as (
    select cast(date_trunc('month', min(visits.visit_on)) as date) as first_month from visits
),

panels as (
    select
        windows.window_end,
        visits.person_id,
        max(case when visits.visit_on >= windows.window_start then 1 else 0 end) as is_seen,
        people.deceased_on
    from windows
    inner join visits on windows.panel_start <= visits.visit_on and windows.window_end >= visits.visit_on
    -- A panel is whole only where visits reach back to its beginning.
    inner join history on windows.panel_start >= history.first_month
    left join {{ ref('int_measures__people') }} as people on visits.person_id = people.person_id
    group by windows.window_end, visits.person_id, people.deceased_on
    having min(visits.visit_on) < min(windows.window_start)
),

seen as (
    select distinct
        visits.person_id,
        cast(date_trunc('year', visits.visit_on) as date) as year_start
    from visits
),

pairs as (
    select
        seen.person_id,
        cast(seen.year_start + interval 12 month as date) as next_start,
        again.person_id is not null as is_retained,
        people.deceased_on
    from seen
    left join seen as again
        on seen.person_id = again.person_id and cast(seen.year_start + interval 12 month as date) = again.year_start
    left join {{ ref('int_measures__people') }} as people on seen.person_id = people.person_id
),

judged as (
    select
        pairs.*,
        coalesce(pairs.deceased_on > {{ period_end('pairs.next_start', "'year'") }}, true) as is_alive
    from pairs
    cross join {{ ref('night') }} as night
    where {{ period_end('pairs.next_start', "'year'") }} <= night.as_of_date
)

select
    measures.measure_id,
    judged.person_id,
    judged.next_start as counted_on,
    cast(null as varchar) as department_id,
    cast(null as varchar) as provider_id,
    cast(null as varchar) as channel,
    case
        when
            judged.is_alive
            then case when judged.is_retained = (measures.measure_id = 'RETENTION') then 1.0 else 0.0 end
    end as numerator,
    case when judged.is_alive then 1.0 end as denominator,
    case when judged.is_alive then 0 else 1 end as excluded_n,
    0 as missing_n
from judged
inner join {{ ref('measures') }} as measures on measures.measure_id in ('RETENTION', 'CHURN')

union all

select
    'CHURN-PANEL' as measure_id,
    panels.person_id,
    panels.window_end as counted_on,
    cast(null as varchar) as department_id,
    cast(null as varchar) as provider_id,
    cast(null as varchar) as channel,
    case when coalesce(panels.deceased_on > panels.window_end, true) then 1.0 - panels.is_seen end as numerator,
    case when coalesce(panels.deceased_on > panels.window_end, true) then 1.0 end as denominator,
    case when panels.deceased_on <= panels.window_end then 1 else 0 end as excluded_n,
    0 as missing_n
from panels
