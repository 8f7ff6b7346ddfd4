-- One row per emergency visit with the four findings of CMS1244, which counts a visit on the day that it ends. Arrival
-- and departure are those of the emergency department's place where places were recorded, else of the visit.
with attendances as (
    select
        visits.encounter_id,
        visits.person_id,
        encounter.patient_id,
        visits.department_id,
        visits.location_id,
        visits.provider_id,
        encounter.started_at,
        encounter.ended_at,
        visits.status,
        codes.value_set = 'triage' as is_triage,
        unseen.code is not null as is_told_unseen,
        visits.seen_at,
        coalesce(visits.arrived_at, encounter.started_at) as arrived_at,
        visits.roomed_at,
        coalesce(visits.left_place_at, visits.departed_at) as departed_at
    from {{ ref('int_measures__visits') }} as visits
    inner join {{ ref('stg_ehr__encounters') }} as encounter on visits.encounter_id = encounter.encounter_id
    left join {{ ref('measure_codes') }} as codes
        on encounter.type_code = codes.code and codes.value_set in ('emergency_visit', 'observation_stay', 'triage')
    left join {{ ref('measure_codes') }} as unseen
        on visits.discharge_disposition_code = unseen.code and unseen.value_set = 'left_without_being_seen'
    where
        (visits.class_code = 'EMER' or codes.value_set = 'emergency_visit')
        and coalesce(codes.value_set, '') <> 'observation_stay'
        -- Called off after arriving is leaving unseen; called off before is no visit.
        and (visits.status = 'finished' or visits.status = 'cancelled' and visits.arrived_at is not null)
),

-- Triage that runs into a visit, or ends up to two hours before it, is that visit's beginning.
triaged as (
    select distinct triage.encounter_id
    from attendances as triage
    inner join attendances as visit
        on
            triage.patient_id = visit.patient_id
            and triage.started_at <= visit.ended_at
            and triage.ended_at >= visit.started_at - interval {{ measure_parameter('ed_triage_minutes') }} minute
    where triage.is_triage and not coalesce(visit.is_triage, false) and visit.status = 'finished'
),

visits as (
    select attendances.*
    from attendances
    left join triaged on attendances.encounter_id = triaged.encounter_id
    where triaged.encounter_id is null
),

-- What shows that admission was decided: an order or bed assignment, a finding, or the inpatient stay itself.
decisions as (
    select
        codes.value_set as kind,
        request.patient_id,
        request.authored_at as decided_at
    from {{ ref('stg_ehr__service_requests') }} as request
    inner join {{ ref('measure_codes') }} as codes
        on request.code = codes.code and codes.value_set in ('admit_order', 'inpatient_order')
    where
        (request.intent = 'order' or codes.value_set = 'inpatient_order')
        and request.status in ('active', 'completed')

    union all

    select
        'finding' as kind,
        observation.patient_id,
        observation.effective_at as decided_at
    from {{ ref('stg_ehr__observations') }} as observation
    inner join {{ ref('measure_codes') }} as codes
        on observation.value_code = codes.code and codes.value_set = 'admit_finding'
    where observation.status in ('final', 'amended', 'corrected')

    union all

    select
        'stay' as kind,
        stay.patient_id,
        stay.started_at as decided_at
    from {{ ref('stg_ehr__encounters') }} as stay
    where stay.class_code in ('IMP', 'ACUTE', 'NONAC') and stay.status in ('in-progress', 'finished')
),

-- What was decided anew counts from then; of the kinds of decision the earliest.
last_decisions as (
    select
        visits.encounter_id,
        decisions.kind,
        max(decisions.decided_at) as decided_at
    from visits
    inner join decisions
        on
            visits.patient_id = decisions.patient_id
            and decisions.decided_at between visits.arrived_at and visits.departed_at
    group by visits.encounter_id, decisions.kind
),

boarded as (
    select
        last_decisions.encounter_id,
        min(last_decisions.decided_at) as decided_at
    from last_decisions
    group by last_decisions.encounter_id
),

observed as (
    select distinct visits.encounter_id
    from visits
    inner join {{ ref('stg_ehr__encounters') }} as stay
        on
            visits.patient_id = stay.patient_id
            and stay.started_at between visits.arrived_at and visits.departed_at
    inner join {{ ref('measure_codes') }} as codes
        on stay.type_code = codes.code and codes.value_set = 'observation_stay'
),

timed as (
    select
        visits.*,
        observed.encounter_id is not null as has_observation_stay,
        boarded.decided_at,
        {{ seconds_between('visits.arrived_at', 'visits.roomed_at') }} / 60.0 as room_minutes,
        {{ seconds_between('boarded.decided_at', 'visits.departed_at') }} / 60.0 as boarded_minutes,
        {{ seconds_between('visits.arrived_at', 'visits.departed_at') }} / 60.0 as stay_minutes,
        (
            visits.status = 'cancelled' and visits.seen_at is null
            or visits.is_told_unseen
        ) as left_without_being_seen
    from visits
    left join boarded on visits.encounter_id = boarded.encounter_id
    left join observed on visits.encounter_id = observed.encounter_id
)

select
    timed.encounter_id,
    timed.person_id,
    timed.department_id,
    timed.location_id,
    timed.provider_id,
    cast({{ local_time('coalesce(timed.ended_at, timed.departed_at, timed.arrived_at)') }} as date) as ended_on,
    timed.arrived_at,
    timed.roomed_at,
    timed.decided_at,
    timed.departed_at,
    timed.room_minutes,
    timed.boarded_minutes,
    timed.stay_minutes,
    timed.has_observation_stay,
    timed.left_without_being_seen,
    coalesce(timed.room_minutes > {{ measure_parameter('ed_room_max_minutes') }}, false) as waited_for_room,
    coalesce(
        not timed.has_observation_stay and timed.boarded_minutes > {{ measure_parameter('ed_boarding_max_minutes') }},
        false
    ) as was_boarded,
    coalesce(
        not timed.has_observation_stay and timed.stay_minutes > {{ measure_parameter('ed_stay_max_minutes') }}, false
    ) as stayed_long,
    -- A departure before the arrival can be no visit; it is quarantined.
    coalesce(timed.stay_minutes < 0 or timed.room_minutes < 0, false) as is_quarantined
from timed
