-- Sampled calendars as facts of access_tnaa and access_tnaa_target; no third open slot within the horizon is missing.
select
    measures.measure_id,
    cast(null as bigint) as person_id,
    slots.sampled_on as counted_on,
    slots.department_id,
    slots.provider_id,
    slots.location_id,
    cast(null as varchar) as channel,
    'days' as unit,
    cast(slots.days_to_third as double) as waited,
    case when slots.days_to_third <= {{ measure_parameter('tnaa_target_days') }} then 1.0 else 0.0 end as numerator,
    -- A calendar without a third open slot within the horizon is beyond every target.
    1.0 as denominator,
    0 as excluded_n,
    case when slots.days_to_third is null and measures.measure_id = 'TNAA' then 1 else 0 end as missing_n
from {{ ref('int_measures__next_slots') }} as slots
inner join {{ ref('measures') }} as measures on measures.mart in ('access_tnaa', 'access_tnaa_target')
