-- One row per inpatient discharge after same-day same-facility stays are merged: what the follow-up and readmission
-- measures index on, and what came next. A finished stay that does not say when it began or ended keeps its row without
-- a day of discharge, and is missing in the measures.
with stays as (
    select
        encounter.encounter_id,
        patients.person_id,
        encounter.department_id,
        encounter.location_id,
        encounter.practitioner_id as provider_id,
        coalesce(departments.facility_id, encounter.department_id) as facility_id,
        cast({{ local_time('encounter.started_at') }} as date) as admitted_on,
        cast({{ local_time('encounter.ended_at') }} as date) as discharged_on,
        coalesce(encounter.discharge_disposition_code, '') as disposition_code,
        coalesce(encounter.priority_code, '') as priority_code,
        encounter.class_code
    from {{ ref('stg_ehr__encounters') }} as encounter
    inner join {{ ref('int_measures__patients') }} as patients on encounter.patient_id = patients.patient_id
    left join {{ ref('dim_department') }} as departments on encounter.department_id = departments.department_id
    where
        encounter.class_code in ('IMP', 'ACUTE', 'NONAC')
        and encounter.status = 'finished'
),

chained as (
    select
        stays.*,
        case
            when
                stays.admitted_on <= lag(stays.discharged_on) over by_facility
                then 0
            else 1
        end as is_new
    from stays
    where stays.admitted_on is not null and stays.discharged_on is not null
    window by_facility as (
        partition by stays.person_id, stays.facility_id
        order by stays.admitted_on, stays.discharged_on, stays.encounter_id
    )
),

numbered as (
    select
        chained.*,
        sum(chained.is_new) over (
            partition by chained.person_id, chained.facility_id
            order by chained.admitted_on, chained.discharged_on, chained.encounter_id
            rows between unbounded preceding and current row
        ) as stay_number
    from chained
),

legs as (
    select
        numbered.*,
        row_number() over (
            partition by numbered.person_id, numbered.facility_id, numbered.stay_number
            order by numbered.admitted_on, numbered.discharged_on, numbered.encounter_id
        ) as leg,
        row_number() over (
            partition by numbered.person_id, numbered.facility_id, numbered.stay_number
            order by numbered.discharged_on desc, numbered.admitted_on desc, numbered.encounter_id desc
        ) as leg_from_last
    from numbered
),

merged as (
    -- The first leg tells how the stay began, the last how it ended.
    select
        first_legs.person_id,
        first_legs.facility_id,
        first_legs.admitted_on,
        first_legs.priority_code,
        last_legs.encounter_id,
        last_legs.discharged_on,
        last_legs.disposition_code,
        last_legs.department_id,
        last_legs.location_id,
        last_legs.provider_id
    from legs as first_legs
    inner join legs as last_legs
        on
            first_legs.person_id = last_legs.person_id
            and first_legs.facility_id = last_legs.facility_id
            and first_legs.stay_number = last_legs.stay_number
    where first_legs.leg = 1 and last_legs.leg_from_last = 1
),

followed as (
    select
        merged.*,
        lead(merged.admitted_on) over by_person as next_admitted_on,
        min(case when merged.priority_code <> 'EL' then merged.admitted_on end) over (
            partition by merged.person_id
            order by merged.admitted_on, merged.discharged_on, merged.encounter_id
            rows between 1 following and unbounded following
        ) as next_unplanned_on
    from merged
    window by_person as (
        partition by merged.person_id
        order by merged.admitted_on, merged.discharged_on, merged.encounter_id
    )
),

visits as (
    select
        followed.encounter_id,
        min(visits.visit_on) as first_visit_on
    from followed
    inner join {{ ref('int_measures__visits') }} as visits
        on
            followed.person_id = visits.person_id
            and followed.discharged_on < visits.visit_on
    where visits.class_code in ('AMB', 'VR', 'HH', 'FLD') and visits.status = 'finished'
    group by followed.encounter_id
)

select
    followed.encounter_id,
    followed.person_id,
    followed.facility_id,
    followed.department_id,
    followed.location_id,
    followed.provider_id,
    followed.admitted_on,
    followed.discharged_on,
    followed.disposition_code,
    followed.disposition_code = 'exp'
    or coalesce(people.deceased_on <= followed.discharged_on, false) as died_in_stay,
    followed.disposition_code in ('hosp', 'other-hcf') as is_transfer,
    followed.disposition_code = 'aadvice' as left_against_advice,
    {{ days_between('followed.discharged_on', 'followed.next_admitted_on') }} as days_to_next_stay,
    {{ days_between('followed.discharged_on', 'followed.next_unplanned_on') }} as days_to_readmission,
    {{ days_between('followed.discharged_on', 'visits.first_visit_on') }} as days_to_visit,
    {{ add_days('followed.discharged_on', measure_parameter('follow_up_long_days')) }}
    <= night.as_of_date as is_observed
from followed
inner join {{ ref('int_measures__people') }} as people on followed.person_id = people.person_id
cross join {{ ref('night') }} as night
left join visits on followed.encounter_id = visits.encounter_id

union all

select
    stays.encounter_id,
    stays.person_id,
    stays.facility_id,
    stays.department_id,
    stays.location_id,
    stays.provider_id,
    stays.admitted_on,
    cast(null as date) as discharged_on,
    stays.disposition_code,
    false as died_in_stay,
    false as is_transfer,
    false as left_against_advice,
    null as days_to_next_stay,
    null as days_to_readmission,
    null as days_to_visit,
    false as is_observed
from stays
where stays.admitted_on is null or stays.discharged_on is null
