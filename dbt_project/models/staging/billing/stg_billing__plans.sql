-- Payment plans that patients agreed to, one row each.
with staged_plans as (
    {{ staged('billing', 'plan') }}
)

select
    plans.plan_id,
    plans.statement_id,
    plans.account_number as patient_control_number,
    accounts.encounter_id,
    accounts.department_id,
    plans.amount,
    plans.installments,
    plans.agreed_at,
    plans.first_due_on,
    plans.status,
    plans.feed as source_system,
    plans.version_at as recorded_at,
    plans.ingested_at,
    plans.batch_id
from staged_plans as plans
left join {{ ref('int_billing__accounts') }} as accounts
    on plans.account_number = accounts.account_number
