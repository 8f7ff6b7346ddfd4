-- One row per encounter with the times of its stations, from status history first and location periods second.
with stations as (
    select
        history.encounter_id,
        min(case when history.status = 'arrived' then history.started_at end) as arrived_at,
        min(case when history.status = 'triaged' then history.started_at end) as triaged_at,
        min(case when history.status = 'in-progress' then history.started_at end) as in_progress_at,
        max(case when history.status = 'in-progress' then history.ended_at end) as in_progress_end,
        min(case when history.status = 'finished' then history.started_at end) as finished_at
    from {{ ref('stg_ehr__encounter_statuses') }} as history
    group by history.encounter_id
),

typed_places as (
    select
        place.*,
        coalesce(codes.value_set, '') as value_set,
        min(
            case
                when place.physical_type_code in ('ro', 'bd') or codes.value_set = 'treatment_room'
                    then place.started_at
            end
        ) over (partition by place.encounter_id) as room_at
    from {{ ref('stg_ehr__encounter_locations') }} as place
    left join {{ ref('measure_codes') }} as codes
        on
            place.location_type_code = codes.code
            and codes.value_set in ('treatment_room', 'emergency_department')
),

places as (
    select
        place.encounter_id,
        min(case when place.physical_type_code in ('wa', 'area') then place.started_at end) as waiting_at,
        min(place.room_at) as room_at,
        min(place.started_at) as first_place_at,
        -- Who enters the department as a whole again arrives again: the last time before the room counts (CMS1244).
        max(
            case
                when
                    place.value_set = 'emergency_department'
                    and (place.room_at is null or place.started_at <= place.room_at)
                    then place.started_at
            end
        ) as department_at,
        max(place.ended_at) as left_place_at
    from typed_places as place
    group by place.encounter_id
)

select
    encounter.encounter_id,
    patients.person_id,
    encounter.department_id,
    encounter.location_id,
    encounter.practitioner_id as provider_id,
    encounter.class_code,
    encounter.status,
    encounter.discharge_disposition_code,
    appointment.start_at as scheduled_at,
    coalesce(
        stations.arrived_at,
        places.waiting_at,
        places.department_at,
        -- In an emergency department whoever is in a place of it has arrived.
        case when encounter.class_code = 'EMER' then places.first_place_at end
    ) as arrived_at,
    coalesce(stations.triaged_at, places.room_at) as roomed_at,
    stations.in_progress_at as seen_at,
    places.left_place_at,
    coalesce(stations.finished_at, stations.in_progress_end, encounter.ended_at) as departed_at,
    encounter.started_at,
    encounter.ended_at,
    cast({{ local_time('coalesce(stations.arrived_at, places.waiting_at, encounter.started_at)') }} as date) as visit_on
from {{ ref('stg_ehr__encounters') }} as encounter
left join {{ ref('int_measures__patients') }} as patients on encounter.patient_id = patients.patient_id
left join {{ ref('stg_ehr__appointments') }} as appointment on encounter.appointment_id = appointment.appointment_id
left join stations on encounter.encounter_id = stations.encounter_id
left join places on encounter.encounter_id = places.encounter_id
