-- Every source's touchpoints with the person they belong to, before events told twice become one.

with told as (
    {{ union_touchpoints() | indent(4) }}
),

-- A browser that several accounts used names nobody.
visitors as (
    select
        anonymous_id,
        min(user_id) as user_id
    from {{ ref('stg_portal__visitors') }}
    group by anonymous_id
    having count(distinct user_id) = 1
),

-- A bill or a result seen on the portal is named by its own id; what it is about stands in the other system.
portal_things as (
    select
        events.message_id,
        statements.patient_control_number as claim_id,
        results.encounter_id
    from {{ ref('stg_portal__events') }} as events
    left join {{ ref('stg_billing__statements') }} as statements on events.statement_id = statements.statement_id
    left join {{ ref('stg_ehr__observations') }} as results on events.result_id = results.observation_id
),

identified as (
    select
        told.identity_source,
        {%- for column in touchpoint_columns() if column not in ('identity_id', 'claim_id', 'encounter_id') %}
            told.{{ column }},
        {%- endfor %}
        coalesce(told.identity_id, visitors.user_id) as identity_id,
        coalesce(told.claim_id, portal_things.claim_id) as claim_id,
        coalesce(told.encounter_id, portal_things.encounter_id) as encounter_id
    from told
    left join portal_things on told.identity_source = 'portal' and told.source_record_id = portal_things.message_id
    left join visitors
        on told.identity_source = 'portal' and told.identity_id is null and told.anonymous_id = visitors.anonymous_id
    -- A moment nobody wrote down has no place in an order of events; its record stays in staging.
    where told.ts is not null
),

-- What a visit's own record says about the place fills what the other source left out.
places as (
    select
        encounters.encounter_id,
        encounters.department_id,
        encounters.location_id,
        encounters.practitioner_id
    from {{ ref('stg_ehr__encounters') }} as encounters
),

bookings as (
    select
        appointments.appointment_id,
        appointments.department_id,
        appointments.location_id,
        appointments.practitioner_id
    from {{ ref('stg_ehr__appointments') }} as appointments
),

placed as (
    select
        identified.*,
        crosswalk.person_id,
        crosswalk.match_confidence,
        coalesce(identified.department_id, places.department_id, bookings.department_id) as known_department_id,
        coalesce(identified.location_id, places.location_id, bookings.location_id) as known_location_id,
        coalesce(identified.provider_id, places.practitioner_id, bookings.practitioner_id) as known_provider_id
    from identified
    left join {{ source('identity', 'person_crosswalk') }} as crosswalk
        on
            identified.identity_source = crosswalk.source_system
            and identified.identity_id = crosswalk.source_record_id
    left join places on identified.encounter_id = places.encounter_id
    left join bookings on identified.appointment_id = bookings.appointment_id
)

select
    {{ stable_key([
        'placed.source_system', 'placed.source_table', 'placed.source_record_id', 'placed.activity',
        'coalesce(placed.event_seq, 0)'
    ]) }} as activity_id,
    placed.identity_source,
    placed.ts,
    placed.ts_end,
    coalesce(placed.ts_precision, 'second') as ts_precision,
    coalesce(placed.event_seq, 0) as event_seq,
    placed.person_id,
    case
        when placed.person_id is not null then placed.anonymous_id
        else coalesce(
            placed.anonymous_id,
            placed.identity_source || ':' || coalesce(placed.identity_id, placed.source_record_id)
        )
    end as anonymous_id,
    placed.activity,
    coalesce(placed.lifecycle, 'complete') as lifecycle,
    placed.touchpoint_type,
    placed.stage,
    placed.channel,
    placed.direction,
    coalesce(placed.initiator, 'patient') as initiator,
    placed.known_department_id as department_id,
    placed.known_location_id as location_id,
    placed.known_provider_id as provider_id,
    coalesce(placed.service_line, departments.service_line) as service_line,
    coalesce(placed.sub_sector, departments.sub_sector) as sub_sector,
    placed.encounter_id,
    placed.appointment_id,
    placed.call_id,
    placed.thread_id,
    placed.claim_id,
    placed.survey_id,
    placed.referral_id,
    placed.prescription_id,
    placed.planned_ts,
    placed.wait_seconds,
    placed.wait_type,
    placed.duration_seconds,
    placed.outcome,
    coalesce(placed.is_failed, false) as is_failed,
    placed.revenue_impact,
    placed.features,
    placed.source_system,
    placed.source_table,
    placed.source_record_id,
    placed.match_confidence,
    placed.recorded_at,
    placed.ingested_at,
    placed.batch_id
from placed
left join {{ ref('dim_department') }} as departments on placed.known_department_id = departments.department_id
