-- Negative responses as facts of loop_closure (MEASURES section 5). A response younger than the limit and not reached
-- is too young to count; one whose person is not known cannot be judged.
with limits as (
    select
        measures.measure_id,
        case measures.measure_id
            when 'LOOP-24H' then {{ measure_parameter('loop_short_hours') }}
            when 'LOOP-48H' then {{ measure_parameter('loop_long_hours') }}
        end as limit_hours
    from {{ ref('measures') }} as measures
    where measures.mart = 'loop_closure'
),

judged as (
    select
        limits.measure_id,
        loops.*,
        case
            when limits.measure_id = 'LOOP-CONVERSION' then loops.next_is_negative is not null
            else loops.hours_observed >= limits.limit_hours
        end as is_over,
        case
            when limits.measure_id = 'LOOP-CONVERSION' then loops.next_is_negative = 0
            else coalesce(loops.hours_to_outreach <= limits.limit_hours, false)
        end as is_hit
    from {{ ref('int_measures__loops') }} as loops
    cross join limits
)

select
    judged.measure_id,
    judged.person_id,
    judged.responded_on as counted_on,
    judged.department_id,
    cast(null as varchar) as provider_id,
    judged.channel,
    case
        when judged.is_over and judged.person_id is not null then case when judged.is_hit then 1.0 else 0.0 end
    end as numerator,
    case when judged.is_over and judged.person_id is not null then 1.0 end as denominator,
    case when not judged.is_over and judged.person_id is not null then 1 else 0 end as excluded_n,
    case when judged.person_id is null then 1 else 0 end as missing_n
from judged
