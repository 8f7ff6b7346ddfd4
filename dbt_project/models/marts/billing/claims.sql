-- One row per bill (patient control number): what was billed, what the payer said first and last, and what is open.
with submissions as (
    select
        claim.patient_control_number,
        claim.encounter_id,
        claim.department_id,
        claim.claim_type,
        claim.charge_amount,
        claim.service_from,
        claim.submitted_on,
        claim.payer_name,
        count(*) over (partition by claim.patient_control_number) as n_submissions,
        row_number() over (
            partition by claim.patient_control_number
            order by claim.submitted_on asc nulls last, claim.claim_id asc
        ) as place
    from {{ ref('stg_billing__claims') }} as claim
),

-- A reversal takes back an earlier answer; it is none itself.
answers as (
    select
        remit.patient_control_number,
        remit.remit_id,
        remit.adjudicated_on,
        remit.payer_name,
        remit.charge_amount,
        remit.encounter_id,
        remit.department_id,
        remit.is_denied,
        remit.denial_reason_code,
        remit.patient_responsibility_amount,
        row_number() over (
            partition by remit.patient_control_number order by remit.adjudicated_on asc, remit.remit_id asc
        ) as place,
        row_number() over (
            partition by remit.patient_control_number order by remit.adjudicated_on desc, remit.remit_id desc
        ) as place_from_last
    from {{ ref('stg_billing__remits') }} as remit
    where not remit.is_reversal
),

amounts as (
    select
        remit.patient_control_number,
        sum(remit.paid_amount) as payer_paid_amount,
        sum(case when not remit.is_reversal then 1 else 0 end) as n_answers
    from {{ ref('stg_billing__remits') }} as remit
    group by remit.patient_control_number
),

payments as (
    select
        payment.patient_control_number,
        sum(payment.amount) as patient_paid_amount
    from {{ ref('stg_billing__payments') }} as payment
    group by payment.patient_control_number
),

bills as (
    select submissions.patient_control_number from submissions
    union
    select answers.patient_control_number from answers
)

select
    bills.patient_control_number,
    crosswalk.person_id,
    coalesce(submissions.encounter_id, first_answers.encounter_id) as encounter_id,
    coalesce(submissions.department_id, first_answers.department_id) as department_id,
    submissions.claim_type,
    coalesce(submissions.payer_name, first_answers.payer_name) as payer,
    submissions.service_from,
    submissions.submitted_on,
    cast(coalesce(submissions.n_submissions, 0) as integer) as n_submissions,
    cast(coalesce(amounts.n_answers, 0) as integer) as n_answers,
    cast(coalesce(submissions.charge_amount, first_answers.charge_amount) as decimal(18, 2)) as charge_amount,
    first_answers.adjudicated_on as first_answered_on,
    last_answers.adjudicated_on as last_answered_on,
    cast({{ days_between('submissions.submitted_on', 'first_answers.adjudicated_on') }} as integer) as days_to_answer,
    first_answers.is_denied as was_denied_first,
    last_answers.is_denied as is_denied_finally,
    first_answers.denial_reason_code as first_denial_reason_code,
    last_answers.denial_reason_code as final_denial_reason_code,
    cast(coalesce(amounts.payer_paid_amount, 0) as decimal(18, 2)) as payer_paid_amount,
    cast(last_answers.patient_responsibility_amount as decimal(18, 2)) as patient_responsibility_amount,
    cast(coalesce(payments.patient_paid_amount, 0) as decimal(18, 2)) as patient_paid_amount,
    last_answers.remit_id is null as awaits_answer,
    -- What nobody has paid yet: the charge until the payer answers, then the patient's share less payments.
    cast(case
        when last_answers.remit_id is null then submissions.charge_amount
        else greatest(0, last_answers.patient_responsibility_amount - coalesce(payments.patient_paid_amount, 0))
    end as decimal(18, 2)) as open_amount
from bills
left join submissions on bills.patient_control_number = submissions.patient_control_number and submissions.place = 1
left join answers as first_answers
    on bills.patient_control_number = first_answers.patient_control_number and first_answers.place = 1
left join answers as last_answers
    on bills.patient_control_number = last_answers.patient_control_number and last_answers.place_from_last = 1
left join amounts on bills.patient_control_number = amounts.patient_control_number
left join payments on bills.patient_control_number = payments.patient_control_number
left join {{ source('identity', 'person_crosswalk') }} as crosswalk
    on bills.patient_control_number = crosswalk.source_record_id and crosswalk.source_system = 'billing'
