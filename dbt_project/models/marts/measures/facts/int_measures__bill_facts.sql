-- Bills as facts of bill_resolution: days from the first patient balance (statement, else the payer's answer) until
-- nothing is owed any more or a payment plan is agreed; open bills are censored at the night.
with owed as (
    select
        claims.patient_control_number,
        claims.person_id,
        claims.department_id,
        claims.payer,
        claims.patient_responsibility_amount as balance_amount,
        claims.last_answered_on
    from {{ ref('claims') }} as claims
),

statements as (
    select
        statement.patient_control_number,
        min(cast({{ local_time('statement.sent_at') }} as date)) as first_sent_on,
        max(statement.balance_amount) as balance_amount,
        -- A later statement of zero closes the bill whatever the payments say (written off, plan agreed).
        min(case when statement.balance_amount <= 0 then cast({{ local_time('statement.sent_at') }} as date) end)
            as zero_sent_on
    from {{ ref('stg_billing__statements') }} as statement
    group by statement.patient_control_number
),

opened as (
    select
        coalesce(statements.patient_control_number, owed.patient_control_number) as patient_control_number,
        owed.person_id,
        owed.department_id,
        owed.payer,
        coalesce(statements.balance_amount, owed.balance_amount) as balance_amount,
        coalesce(statements.first_sent_on, owed.last_answered_on) as opened_on,
        statements.zero_sent_on
    from owed
    full outer join statements on owed.patient_control_number = statements.patient_control_number
),

payments as (
    select
        payment.patient_control_number,
        cast({{ local_time('payment.paid_at') }} as date) as paid_on,
        sum(payment.amount) over (
            partition by payment.patient_control_number
            order by payment.paid_at, payment.payment_id
            rows between unbounded preceding and current row
        ) as paid_so_far
    from {{ ref('stg_billing__payments') }} as payment
),

paid_off as (
    select
        opened.patient_control_number,
        min(payments.paid_on) as paid_on
    from opened
    inner join payments
        on
            opened.patient_control_number = payments.patient_control_number
            and opened.balance_amount <= payments.paid_so_far
    group by opened.patient_control_number
),

plans as (
    select
        plan.patient_control_number,
        min(cast({{ local_time('plan.agreed_at') }} as date)) as agreed_on
    from {{ ref('stg_billing__plans') }} as plan
    where plan.status <> 'cancelled'
    group by plan.patient_control_number
),

resolved as (
    select
        opened.*,
        least(paid_off.paid_on, opened.zero_sent_on, plans.agreed_on) as resolved_on,
        night.as_of_date
    from opened
    left join paid_off on opened.patient_control_number = paid_off.patient_control_number
    left join plans
        on opened.patient_control_number = plans.patient_control_number and opened.opened_on <= plans.agreed_on
    cross join {{ ref('night') }} as night
    where opened.balance_amount > 0 and coalesce(opened.opened_on <= night.as_of_date, true)
)

select
    'BILL-RESOLUTION' as measure_id,
    resolved.patient_control_number,
    resolved.balance_amount,
    resolved.person_id,
    resolved.opened_on as counted_on,
    resolved.department_id,
    cast(null as varchar) as provider_id,
    cast(null as varchar) as channel,
    resolved.payer,
    case
        when resolved.opened_on is not null
            then cast(greatest(
                0, {{ days_between('resolved.opened_on', 'coalesce(resolved.resolved_on, resolved.as_of_date)') }}
            ) as double)
    end as waited,
    case when resolved.resolved_on is not null then 1 else 0 end as is_event,
    0 as excluded_n,
    0 as missing_n
from resolved
