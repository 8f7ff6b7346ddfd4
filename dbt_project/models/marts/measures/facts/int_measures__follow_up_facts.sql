-- Discharges as facts of follow_up (HEDIS FUH pattern): a visit on days 1-7 or 1-30, the day of discharge not counted.
-- A readmission or transfer within 30 days moves the index to the last discharge; an index needs 30 days after it.
with discharges as (
    select
        discharges.*,
        not discharges.died_in_stay
        and not discharges.is_transfer
        and discharges.is_observed
        and coalesce(discharges.days_to_next_stay > {{ measure_parameter('follow_up_long_days') }}, true) as is_index
    from {{ ref('int_measures__discharges') }} as discharges
)

select
    measures.measure_id,
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
                        discharges.days_to_visit between 1 and case measures.measure_id
                            when 'FOLLOW-UP-7' then {{ measure_parameter('follow_up_short_days') }}
                            else {{ measure_parameter('follow_up_long_days') }}
                        end
                        then 1.0
                    else 0.0
                end
    end as numerator,
    case when discharges.is_index then 1.0 end as denominator,
    case when discharges.is_index or discharges.discharged_on is null then 0 else 1 end as excluded_n,
    0 as missing_n
from discharges
inner join {{ ref('measures') }} as measures on measures.mart = 'follow_up'
