-- Bills as facts of denials: initially, finally, and weighted by what was charged. A bill without an answer cannot be
-- judged yet.
with bills as (
    select
        claims.*,
        measures.measure_id,
        case measures.measure_id
            when 'DENIAL-FINAL' then claims.is_denied_finally else claims.was_denied_first
        end as is_denied,
        case measures.measure_id when 'DENIAL-INITIAL-DOLLARS' then claims.charge_amount else 1.0 end as weight
    from {{ ref('claims') }} as claims
    inner join {{ ref('measures') }} as measures on measures.mart = 'denials'
)

select
    bills.measure_id,
    bills.person_id,
    case when bills.awaits_answer then bills.submitted_on else bills.first_answered_on end as counted_on,
    bills.department_id,
    cast(null as varchar) as provider_id,
    cast(null as varchar) as channel,
    bills.payer,
    case when not bills.awaits_answer then case when bills.is_denied then bills.weight else 0.0 end end as numerator,
    case when not bills.awaits_answer then bills.weight end as denominator,
    case when bills.awaits_answer then 1 else 0 end as excluded_n,
    case when not bills.awaits_answer and bills.weight is null then 1 else 0 end as missing_n
from bills
