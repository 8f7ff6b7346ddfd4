-- Messages as facts of portal_response: hours until the first human reply, open ones censored at the night.
select
    'REPLY-TIME' as measure_id,
    waits.person_id,
    waits.sent_on as counted_on,
    cast(null as varchar) as department_id,
    cast(null as varchar) as provider_id,
    'portal' as channel,
    cast(floor(waits.waited_hours * 60) / 60.0 as double) as waited,
    waits.is_event,
    0 as excluded_n,
    case when waits.waited_hours is null then 1 else 0 end as missing_n
from {{ ref('int_measures__message_waits') }} as waits
