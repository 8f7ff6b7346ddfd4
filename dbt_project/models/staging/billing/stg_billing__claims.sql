with staged_claims as (
    {{ staged('billing', 'claims') }}
)

select
    claims.record_id as claim_id,
    claims.patient_control_number,
    accounts.encounter_id,
    accounts.department_id,
    claims.claim_type,
    claims.frequency_code,
    claims.payer_sequence as payer_sequence_code,
    claims.original_claim_number as replaces_payer_claim_control_number,
    claims.charge_amount,
    claims.service_from,
    claims.service_to,
    coalesce(claims.submitted_on, cast(claims.version_at as date)) as submitted_on,
    claims.payer_id,
    claims.payer_name,
    case when claims.billing_provider_qualifier = 'XX' then claims.billing_provider_id end as billing_provider_npi,
    claims.principal_diagnosis as principal_diagnosis_code,
    claims.feed as source_system,
    claims.version_at as recorded_at,
    claims.ingested_at,
    claims.batch_id
from staged_claims as claims
left join {{ ref('int_billing__accounts') }} as accounts
    on claims.patient_control_number = accounts.account_number
