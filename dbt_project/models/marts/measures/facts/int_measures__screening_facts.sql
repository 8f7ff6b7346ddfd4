-- Persons and the screenings foreseen for them on the night, as facts of screening_rates.
select
    measures.measure_id,
    due.person_id,
    night.as_of_date as counted_on,
    cast(null as varchar) as department_id,
    cast(null as varchar) as provider_id,
    cast(null as varchar) as channel,
    case
        when due.status in ('up_to_date', 'due') then 1.0
        when due.status <> 'unknown' then 0.0
    end as numerator,
    case when due.status <> 'unknown' then 1.0 end as denominator,
    0 as excluded_n,
    case when due.status = 'unknown' then 1 else 0 end as missing_n
from {{ ref('screening_due') }} as due
inner join {{ ref('measures') }} as measures
    on measures.mart = 'screening_rates' and due.screening = measures.metric
cross join {{ ref('night') }} as night
