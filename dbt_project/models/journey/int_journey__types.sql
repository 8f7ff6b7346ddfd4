-- What kind of journey it is and which touchpoint made it so. Grain: one row per journey.
-- The first that applies: emergency, inpatient, referral, new_patient (no encounter in new_patient_years before its
-- first visit), chronic (the chronic_visits-th visit with one condition), visit, billing, contact.
{%- set kinds = ['emergency', 'inpatient', 'referral', 'new_patient', 'chronic', 'visit', 'billing', 'contact'] %}

with members as (
    select
        placed.journey_id,
        placed.activity_id,
        placed.position,
        episodes.subject_id,
        episodes.episode_type,
        touchpoints.ts,
        visits.encounter_id,
        visits.started_at,
        coalesce(visits.is_emergency, false) as is_emergency,
        coalesce(visits.is_inpatient, false) as is_inpatient
    from {{ ref('journey_touchpoints') }} as placed
    inner join {{ ref('int_journey__episodes') }} as episodes on placed.episode_id = episodes.episode_id
    inner join {{ ref('touchpoints') }} as touchpoints on placed.activity_id = touchpoints.activity_id
    left join {{ ref('int_journey__visits') }} as visits
        on
            episodes.subject_id = visits.subject_id
            and touchpoints.encounter_id = visits.encounter_id
            and episodes.episode_type in ('visit_cycle', 'emergency_visit', 'inpatient_stay')
),

first_visits as (
    select
        journey_id,
        subject_id,
        min(ts) as first_ts
    from members
    where episode_type = 'visit_cycle'
    group by journey_id, subject_id
),

known_patients as (
    select distinct first_visits.journey_id
    from first_visits
    inner join {{ ref('int_journey__visits') }} as earlier
        on
            first_visits.subject_id = earlier.subject_id
            and first_visits.first_ts > earlier.started_at
            and earlier.started_at >= first_visits.first_ts - interval {{ journey_rule('new_patient_years') }} years
),

encounter_conditions as (
    select
        conditions.encounter_id,
        conditions.code
    from {{ ref('stg_ehr__conditions') }} as conditions
    where conditions.encounter_id is not null and conditions.code is not null
    union
    select
        encounters.encounter_id,
        encounters.reason_code as code
    from {{ ref('stg_ehr__encounters') }} as encounters
    where encounters.reason_code is not null
),

visits as (
    select
        journey_id,
        encounter_id,
        started_at,
        min(position) as position
    from members
    where episode_type = 'visit_cycle' and encounter_id is not null
    group by journey_id, encounter_id, started_at
),

condition_visits as (
    select
        visits.journey_id,
        visits.position,
        row_number() over (
            partition by visits.journey_id, encounter_conditions.code
            order by visits.started_at, visits.encounter_id
        ) as visit_number
    from visits
    inner join encounter_conditions on visits.encounter_id = encounter_conditions.encounter_id
),

chronic as (
    select
        journey_id,
        min(position) as position
    from condition_visits
    where visit_number = {{ journey_rule('chronic_visits') }}
    group by journey_id
),

ranked as (
    select
        members.journey_id,
        members.activity_id,
        members.position,
        case
            when members.is_emergency then 1
            when members.is_inpatient then 2
            when members.episode_type = 'referral' then 3
            when members.episode_type = 'visit_cycle' and known_patients.journey_id is null then 4
            when chronic.position = members.position then 5
            when members.episode_type in ('visit_cycle', 'emergency_visit', 'inpatient_stay') then 6
            when members.episode_type = 'bill' then 7
            else 8
        end as kind
    from members
    left join known_patients on members.journey_id = known_patients.journey_id
    left join chronic on members.journey_id = chronic.journey_id
)

select
    journey_id,
    case min(kind)
        {%- for kind in kinds %}
            when {{ loop.index }} then '{{ kind }}'
        {%- endfor %}
    end as journey_type,
    -- One number that orders by kind first, then by position.
    min_by(activity_id, cast(kind as bigint) * 1000000000 + position) as anchor_activity_id
from ranked
group by journey_id
