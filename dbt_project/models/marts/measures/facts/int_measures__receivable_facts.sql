-- Open amounts on the night's date as facts of accounts_receivable: ageing by days since service, and days in A/R =
-- open amount / mean daily charge of the 90 days before.
with bills as (
    select
        claims.person_id,
        claims.department_id,
        claims.payer,
        claims.charge_amount,
        claims.open_amount,
        coalesce(claims.service_from, claims.submitted_on, claims.first_answered_on) as served_on,
        night.as_of_date
    from {{ ref('claims') }} as claims
    cross join {{ ref('night') }} as night
),

aged as (
    select
        bills.*,
        {{ days_between('bills.served_on', 'bills.as_of_date') }} as age_days
    from bills
    where coalesce(bills.served_on <= bills.as_of_date, true)
),

facts as (
    select
        measures.measure_id,
        aged.*,
        case measures.measure_id
            when 'AR-0-30' then aged.age_days <= 30
            when 'AR-31-60' then aged.age_days between 31 and 60
            when 'AR-61-90' then aged.age_days between 61 and 90
            when 'AR-91-120' then aged.age_days between 91 and 120
            when 'AR-OVER-120' then aged.age_days > 120
            else true
        end as is_hit,
        -- What is open, or since when, nobody knows.
        aged.open_amount is null or aged.age_days is null as is_missing,
        case
            when measures.measure_id <> 'AR-DAYS' then aged.open_amount
            when aged.age_days < {{ measure_parameter('ar_charge_days') }}
                then aged.charge_amount / {{ measure_parameter('ar_charge_days') }}.0
            else 0
        end as weight
    from aged
    inner join {{ ref('measures') }} as measures on measures.mart = 'accounts_receivable'
    where
        coalesce(aged.open_amount > 0, true)
        or measures.measure_id = 'AR-DAYS' and aged.age_days < {{ measure_parameter('ar_charge_days') }}
)

select
    facts.measure_id,
    facts.person_id,
    facts.as_of_date as counted_on,
    facts.department_id,
    cast(null as varchar) as provider_id,
    cast(null as varchar) as channel,
    facts.payer,
    case when not facts.is_missing then case when facts.is_hit then facts.open_amount else 0 end end as numerator,
    case when not facts.is_missing then facts.weight end as denominator,
    0 as excluded_n,
    case when facts.is_missing then 1 else 0 end as missing_n
from facts
