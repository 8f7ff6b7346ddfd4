-- Waits as facts of wait_times.
select
    'WAIT-' || upper(replace(waits.wait_type, '_', '-')) as measure_id,
    waits.person_id,
    waits.counted_on,
    waits.department_id,
    waits.location_id,
    waits.provider_id,
    waits.channel,
    waits.wait_type,
    waits.unit,
    case when not waits.is_quarantined then waits.waited end as waited,
    case when waits.is_quarantined then 1 else 0 end as excluded_n,
    case when waits.waited is null then 1 else 0 end as missing_n
from {{ ref('int_measures__waits') }} as waits
