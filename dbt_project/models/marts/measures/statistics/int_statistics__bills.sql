{{ config(meta={'exchange_order': 'patient_control_number'}) }}

-- Cases of statistics about a bill: days from the first patient balance until nothing is owed, open bills censored at
-- the night, with what the payer did before the balance stood.
select
    bills.patient_control_number,
    persons.person_key,
    bills.counted_on as opened_on,
    night.as_of_date,
    bills.department_id,
    departments.sub_sector,
    persons.generation,
    persons.sex,
    bills.payer,
    cast({{ days_between('persons.birth_date', 'bills.counted_on') }} / 365.25 as double) as age_years,
    cast(bills.balance_amount as double) as balance_amount,
    cast(claims.days_to_answer as double) as days_to_answer,
    claims.was_denied_first,
    bills.waited as days_open,
    bills.is_event = 1 as is_resolved
from {{ ref('int_measures__bill_facts') }} as bills
cross join {{ ref('night') }} as night
left join {{ ref('claims') }} as claims on bills.patient_control_number = claims.patient_control_number
left join {{ ref('int_statistics__persons') }} as persons on bills.person_id = persons.person_id
left join {{ ref('dim_department') }} as departments on bills.department_id = departments.department_id
where bills.counted_on is not null
