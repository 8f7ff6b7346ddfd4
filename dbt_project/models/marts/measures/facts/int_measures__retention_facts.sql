-- Persons as facts of retention, counted in the later year: seen in year t and again in t + 1, among those seen in t
-- and alive through t + 1; the later year must be over.
with seen as (
    select distinct
        visits.person_id,
        cast(date_trunc('year', visits.visit_on) as date) as year_start
    from {{ ref('int_measures__visits') }} as visits
    where visits.status in ('arrived', 'triaged', 'in-progress', 'onleave', 'finished') and visits.person_id is not null
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
inner join {{ ref('measures') }} as measures on measures.mart = 'retention'
