-- Discharges as facts of readmissions: an unplanned acute admission 0-30 days after an index discharge, alive, not a
-- transfer, not against advice, with 30 days of data after it.
with discharges as (
    select
        discharges.*,
        not discharges.died_in_stay
        and not discharges.is_transfer
        and not discharges.left_against_advice
        and discharges.is_observed as is_index
    from {{ ref('int_measures__discharges') }} as discharges
)

select
    'READMISSION-30' as measure_id,
    discharges.person_id,
    discharges.discharged_on as counted_on,
    discharges.department_id,
    discharges.location_id,
    discharges.provider_id,
    cast(null as varchar) as channel,
    case
        when discharges.is_index
            then
                case
                    when
                        discharges.days_to_readmission between 0 and {{ measure_parameter('readmission_days') }}
                        then 1.0
                    else 0.0
                end
    end as numerator,
    case when discharges.is_index then 1.0 end as denominator,
    case when discharges.is_index or discharges.discharged_on is null then 0 else 1 end as excluded_n,
    0 as missing_n
from discharges
