-- When what the patient owes on a bill came to zero. Grain: one row per claim_id (patient control number) adjudicated.
-- The newest remit says what the patient owes; payments in order of time bring it down. Null while something is owed.

with remits as (
    select
        patient_control_number as claim_id,
        patient_responsibility_amount as owed_amount,
        is_denied,
        is_reversal,
        {{ start_of_local_day('adjudicated_on') }} as adjudicated_at,
        row_number() over (
            partition by patient_control_number
            order by adjudicated_on desc, recorded_at desc, remit_id asc
        ) as newness
    from {{ ref('stg_billing__remits') }}
),

running_payments as (
    select
        patient_control_number as claim_id,
        paid_at,
        sum(amount) over (
            partition by patient_control_number
            order by paid_at, payment_id
            rows between unbounded preceding and current row
        ) as paid_so_far
    from {{ ref('stg_billing__payments') }}
),

paid_off as (
    select
        remits.claim_id,
        min(running_payments.paid_at) as paid_off_at
    from remits
    inner join running_payments
        on remits.claim_id = running_payments.claim_id and remits.owed_amount <= running_payments.paid_so_far
    where remits.newness = 1
    group by remits.claim_id
)

select
    remits.claim_id,
    remits.is_denied,
    remits.owed_amount,
    case
        -- A payer that took its answer back has not answered yet.
        when remits.is_reversal then null
        when coalesce(remits.owed_amount, 0) <= 0 then remits.adjudicated_at
        when paid_off.paid_off_at > remits.adjudicated_at then paid_off.paid_off_at
        -- Paid before the payer answered: settled by the answer.
        when paid_off.paid_off_at is not null then remits.adjudicated_at
    end as settled_at
from remits
left join paid_off on remits.claim_id = paid_off.claim_id
where remits.newness = 1
