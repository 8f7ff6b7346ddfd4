-- Messages as facts of portal_response_sla: replied within two business days; one still open within them is too young.
with waits as (
    select
        waits.*,
        waits.waited_hours is null as is_missing,
        coalesce(waits.is_event = 1 or waits.business_days > {{ measure_parameter('reply_sla_business_days') }}, false)
            as is_counted
    from {{ ref('int_measures__message_waits') }} as waits
)

select
    'REPLY-SLA' as measure_id,
    waits.person_id,
    waits.sent_on as counted_on,
    cast(null as varchar) as department_id,
    cast(null as varchar) as provider_id,
    'portal' as channel,
    case
        when waits.is_counted
            then
                case
                    when
                        waits.is_event = 1
                        and waits.business_days <= {{ measure_parameter('reply_sla_business_days') }}
                        then 1.0
                    else 0.0
                end
    end as numerator,
    case when waits.is_counted then 1.0 end as denominator,
    case when waits.is_counted or waits.is_missing then 0 else 1 end as excluded_n,
    case when waits.is_missing then 1 else 0 end as missing_n
from waits
