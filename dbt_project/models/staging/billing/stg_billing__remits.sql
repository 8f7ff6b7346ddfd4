-- Denied is what was not paid for a reason that denies (MEASURES section 4): contractual reductions (CO-45) and the
-- patient's own share (PR) do not, and the claim status alone says too little. Of several such reasons the one with the
-- largest amount is named.
with staged_remits as (
    {{ staged('billing', 'remits') }}
),

adjustments as (
    select
        adjusted.remit_id,
        adjusted.group_code,
        adjusted.reason_code,
        adjusted.amount,
        denials.reason_code is not null and adjusted.group_code in ('CO', 'PI', 'OA') as is_denial,
        adjusted.position
    from {{ ref('stg_billing__adjustments') }} as adjusted
    left join {{ ref('denial_reasons') }} as denials
        on adjusted.reason_code = denials.reason_code
),

denials as (
    select
        remit_id,
        reason_code,
        row_number() over (partition by remit_id order by amount desc, position asc) as rank
    from adjustments
    where is_denial
),

contractual as (
    select
        remit_id,
        sum(amount) as contractual_amount
    from adjustments
    where group_code = 'CO' and not is_denial
    group by remit_id
)

select
    remits.record_id as remit_id,
    remits.payer_claim_control_number,
    remits.patient_control_number,
    accounts.encounter_id,
    accounts.department_id,
    remits.claim_status_code,
    remits.claim_status_code = '22' as is_reversal,
    remits.charge_amount,
    remits.paid_amount,
    coalesce(remits.patient_responsibility_amount, 0) as patient_responsibility_amount,
    coalesce(contractual.contractual_amount, 0) as contractual_amount,
    remits.adjustment_amount,
    coalesce(remits.paid_on, remits.produced_on, cast(remits.version_at as date)) as paid_on,
    coalesce(remits.produced_on, remits.paid_on, cast(remits.version_at as date)) as adjudicated_on,
    remits.trace_number,
    remits.payer_identifier,
    remits.payer_name,
    remits.service_from,
    remits.service_to,
    remits.claim_status_code <> '22' and remits.paid_amount = 0 and denials.remit_id is not null as is_denied,
    case
        when remits.claim_status_code <> '22' and remits.paid_amount = 0 then denials.reason_code
    end as denial_reason_code,
    remits.feed as source_system,
    remits.version_at as recorded_at,
    remits.ingested_at,
    remits.batch_id
from staged_remits as remits
left join denials
    on remits.record_id = denials.remit_id and denials.rank = 1
left join contractual
    on remits.record_id = contractual.remit_id
left join {{ ref('int_billing__accounts') }} as accounts
    on remits.patient_control_number = accounts.account_number
