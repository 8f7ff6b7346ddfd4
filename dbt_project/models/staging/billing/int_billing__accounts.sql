-- The visit that an account (patient control number) bills. An account of several encounters, such as a series of
-- treatments, stands for its first.
with ranked as (
    select
        encounters.account_number,
        encounters.encounter_id,
        encounters.department_id,
        row_number() over (
            partition by encounters.account_number
            order by encounters.started_at asc nulls last, encounters.encounter_id asc
        ) as position
    from {{ ref('stg_ehr__encounters') }} as encounters
    where encounters.account_number is not null
)

select
    account_number,
    encounter_id,
    department_id
from ranked
where position = 1
