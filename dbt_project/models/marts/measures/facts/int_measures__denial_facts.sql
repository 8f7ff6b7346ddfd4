-- Answered bills as facts of denials: initially, finally, and weighted by what was charged.
select
    measures.measure_id,
    claims.person_id,
    claims.first_answered_on as counted_on,
    claims.department_id,
    cast(null as varchar) as provider_id,
    cast(null as varchar) as channel,
    claims.payer,
    case measures.measure_id
        when 'DENIAL-INITIAL' then case when claims.was_denied_first then 1.0 else 0.0 end
        when 'DENIAL-FINAL' then case when claims.is_denied_finally then 1.0 else 0.0 end
        when 'DENIAL-INITIAL-DOLLARS' then case when claims.was_denied_first then claims.charge_amount else 0.0 end
    end as numerator,
    case measures.measure_id when 'DENIAL-INITIAL-DOLLARS' then claims.charge_amount else 1.0 end as denominator,
    0 as excluded_n,
    0 as missing_n
from {{ ref('claims') }} as claims
inner join {{ ref('measures') }} as measures on measures.mart = 'denials'
where claims.first_answered_on is not null
