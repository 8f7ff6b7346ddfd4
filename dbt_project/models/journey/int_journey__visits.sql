-- Which episode an encounter belongs to. Grain: one row per subject and encounter.
-- A visit cycle is one appointment, or a walk-in encounter. A stay is every emergency or inpatient encounter of one
-- subject and facility that touches the one before or begins at most stay_gap_hours after its end.

with encounter_subjects as (
    select distinct
        {{ subject_id('touchpoints') }} as subject_id,
        touchpoints.encounter_id
    from {{ ref('touchpoints') }} as touchpoints
    where touchpoints.encounter_id is not null
),

encounters as (
    select
        encounter_subjects.subject_id,
        encounters.encounter_id,
        encounters.class_code,
        encounters.appointment_id,
        encounters.status,
        encounters.started_at,
        encounters.ended_at,
        -- A department's facility is the organisation it is part of; without one it is its own.
        coalesce(departments.facility_id, encounters.department_id, '') as facility_id,
        encounters.class_code in {{ journey_rule('emergency_classes') }} as is_emergency,
        encounters.class_code in {{ journey_rule('inpatient_classes') }} as is_inpatient
    from encounter_subjects
    inner join {{ ref('stg_ehr__encounters') }} as encounters
        on encounter_subjects.encounter_id = encounters.encounter_id
    left join {{ ref('dim_department') }} as departments on encounters.department_id = departments.department_id
),

stay_encounters as (
    select
        encounters.subject_id,
        encounters.encounter_id,
        encounters.facility_id,
        encounters.started_at,
        case
            when encounters.started_at <= max(coalesce(encounters.ended_at, encounters.started_at)) over (
                partition by encounters.subject_id, encounters.facility_id
                order by encounters.started_at, encounters.encounter_id
                rows between unbounded preceding and 1 preceding
            ) + interval {{ journey_rule('stay_gap_hours') }} hours then 0
            else 1
        end as begins_stay
    from encounters
    where encounters.is_emergency or encounters.is_inpatient
),

stay_numbers as (
    select
        stay_encounters.*,
        sum(stay_encounters.begins_stay) over (
            partition by stay_encounters.subject_id, stay_encounters.facility_id
            order by stay_encounters.started_at, stay_encounters.encounter_id
            rows between unbounded preceding and current row
        ) as stay_number
    from stay_encounters
),

stays as (
    select
        stay_numbers.subject_id,
        stay_numbers.encounter_id,
        first_value(stay_numbers.encounter_id) over (
            partition by stay_numbers.subject_id, stay_numbers.facility_id, stay_numbers.stay_number
            order by stay_numbers.started_at, stay_numbers.encounter_id
        ) as first_encounter_id
    from stay_numbers
),

named as (
    select
        encounters.*,
        case
            when stays.first_encounter_id is not null then 'stay|' || stays.first_encounter_id
            when encounters.appointment_id is not null then 'appointment|' || encounters.appointment_id
            else 'encounter|' || encounters.encounter_id
        end as episode_name
    from encounters
    left join stays
        on encounters.subject_id = stays.subject_id and encounters.encounter_id = stays.encounter_id
)

select
    subject_id,
    encounter_id,
    appointment_id,
    episode_name,
    class_code,
    status,
    started_at,
    ended_at,
    is_emergency,
    is_inpatient,
    case
        when max(is_inpatient) over (partition by subject_id, episode_name) then 'inpatient_stay'
        when max(is_emergency) over (partition by subject_id, episode_name) then 'emergency_visit'
        else 'visit_cycle'
    end as episode_type,
    max(ended_at) over (partition by subject_id, episode_name) as visit_ended_at
from named
