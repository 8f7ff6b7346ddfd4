-- Everything the electronic health record tells, as touchpoints; events without a time or a patient tell nothing.
{%- set parts = {
    'appointment': ref('int_ehr__appointment_touchpoints'),
    'encounter': ref('int_ehr__encounter_touchpoints'),
    'care': ref('int_ehr__care_touchpoints'),
    'contact': ref('int_ehr__contact_touchpoints'),
    'portal': ref('int_ehr__portal_touchpoints'),
} %}
{%- set columns = {
    'source_table': 'varchar', 'source_record_id': 'varchar', 'identity_id': 'varchar', 'ts': 'timestamp',
    'ts_end': 'timestamp', 'ts_precision': 'varchar', 'activity': 'varchar', 'event_seq': 'integer',
    'lifecycle': 'varchar', 'touchpoint_type': 'varchar', 'stage': 'varchar', 'channel': 'varchar',
    'direction': 'varchar', 'initiator': 'varchar', 'department_id': 'varchar', 'location_id': 'varchar',
    'provider_id': 'varchar', 'encounter_id': 'varchar', 'appointment_id': 'varchar', 'thread_id': 'varchar',
    'referral_id': 'varchar', 'prescription_id': 'varchar', 'planned_ts': 'timestamp', 'wait_seconds': 'bigint',
    'wait_type': 'varchar', 'duration_seconds': 'bigint', 'outcome': 'varchar', 'is_failed': 'boolean',
    'recorded_at': 'timestamp', 'ingested_at': 'timestamp', 'batch_id': 'varchar',
} %}
with events as (
    {{ union_by_name(parts, 'part', columns) }}
)

select
    'ehr' as source_system,
    events.source_table,
    events.source_record_id,
    events.identity_id,
    events.ts,
    events.ts_end,
    coalesce(events.ts_precision, 'second') as ts_precision,
    events.activity,
    coalesce(events.event_seq, 0) as event_seq,
    coalesce(events.lifecycle, 'complete') as lifecycle,
    events.touchpoint_type,
    events.stage,
    events.channel,
    events.direction,
    events.initiator,
    events.department_id,
    events.location_id,
    events.provider_id,
    departments.sub_sector,
    events.encounter_id,
    events.appointment_id,
    events.thread_id,
    events.referral_id,
    events.prescription_id,
    events.planned_ts,
    events.wait_seconds,
    events.wait_type,
    events.duration_seconds,
    events.outcome,
    coalesce(events.is_failed, false) as is_failed,
    events.recorded_at,
    events.ingested_at,
    events.batch_id
from events
left join {{ ref('stg_ehr__organizations') }} as departments on events.department_id = departments.organization_id
where events.ts is not null and events.identity_id is not null
