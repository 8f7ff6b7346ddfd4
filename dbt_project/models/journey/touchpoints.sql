{{ config(schema='marts', access='public', contract={'enforced': true}) }}

with retellings as (
    select
        retellings.kept_activity_id,
        {{ joined_in_order("events.source_system || '/' || events.source_table || '/' || events.source_record_id",
            ';', 'events.activity_id') }} as other_records,
        min(events.channel) as channel,
        min(events.initiator) as initiator
    from {{ ref('int_journey__retellings') }} as retellings
    inner join {{ ref('int_journey__events') }} as events on retellings.activity_id = events.activity_id
    group by retellings.kept_activity_id
)

select
    events.activity_id,
    events.ts,
    events.ts_end,
    {{ local_time('events.ts') }} as ts_local,
    '{{ var("time_zone") }}' as tz,
    events.ts_precision,
    events.event_seq,
    events.person_id,
    events.anonymous_id,
    events.activity,
    events.lifecycle,
    events.touchpoint_type,
    events.stage,
    -- The portal knows better than the system it wrote to how the patient came.
    coalesce(retellings.channel, events.channel) as channel,
    events.direction,
    coalesce(retellings.initiator, events.initiator) as initiator,
    events.department_id,
    events.location_id,
    events.provider_id,
    events.service_line,
    events.sub_sector,
    events.encounter_id,
    events.appointment_id,
    events.call_id,
    events.thread_id,
    events.claim_id,
    events.survey_id,
    events.referral_id,
    events.prescription_id,
    events.planned_ts,
    events.wait_seconds,
    events.wait_type,
    events.duration_seconds,
    events.outcome,
    events.is_failed,
    cast(null as double) as sentiment,
    cast(null as varchar) as sentiment_source,
    events.revenue_impact,
    events.features,
    events.source_system,
    events.source_table,
    events.source_record_id,
    retellings.other_records,
    events.match_confidence,
    events.recorded_at,
    events.ingested_at,
    events.batch_id
from {{ ref('int_journey__events') }} as events
left join retellings on events.activity_id = retellings.kept_activity_id
where events.activity_id not in (select told_twice.activity_id from {{ ref('int_journey__retellings') }} as told_twice)
