with staged_statements as (
    {{ staged('billing', 'statement') }}
)

select
    statements.statement_id,
    statements.account_number as patient_control_number,
    accounts.encounter_id,
    accounts.department_id,
    statements.balance_amount,
    statements.sent_at,
    statements.due_on,
    statements.channel,
    statements.feed as source_system,
    statements.version_at as recorded_at,
    statements.ingested_at,
    statements.batch_id
from staged_statements as statements
left join {{ ref('int_billing__accounts') }} as accounts
    on statements.account_number = accounts.account_number
