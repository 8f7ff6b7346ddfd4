-- Emergency visits as facts of emergency_access (CMS1244, and OP-22 for those who left without being seen).
with visits as (
    select
        visits.*,
        measures.measure_id,
        case measures.measure_id
            when 'ED-ROOM-OVER-60' then visits.waited_for_room
            when 'ED-LEFT-UNSEEN' then visits.left_without_being_seen
            when 'ED-BOARDED-OVER-240' then visits.was_boarded
            when 'ED-STAY-OVER-480' then visits.stayed_long
            else
                visits.waited_for_room
                or visits.left_without_being_seen
                or visits.was_boarded
                or visits.stayed_long
        end as is_hit
    from {{ ref('int_measures__emergency_visits') }} as visits
    inner join {{ ref('measures') }} as measures on measures.mart = 'emergency_access'
)

select
    visits.measure_id,
    visits.person_id,
    visits.ended_on as counted_on,
    visits.department_id,
    visits.location_id,
    visits.provider_id,
    cast(null as varchar) as channel,
    case when not visits.is_quarantined then case when visits.is_hit then 1.0 else 0.0 end end as numerator,
    case when not visits.is_quarantined then 1.0 end as denominator,
    case when visits.is_quarantined then 1 else 0 end as excluded_n,
    0 as missing_n
from visits
