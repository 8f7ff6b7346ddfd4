with staged_payments as (
    {{ staged('billing', 'payment') }}
)

select
    payments.payment_id,
    payments.statement_id,
    payments.account_number as patient_control_number,
    accounts.encounter_id,
    accounts.department_id,
    payments.amount,
    payments.paid_at,
    payments.method,
    payments.feed as source_system,
    payments.version_at as recorded_at,
    payments.ingested_at,
    payments.batch_id
from staged_payments as payments
left join {{ ref('int_billing__accounts') }} as accounts
    on payments.account_number = accounts.account_number
