-- Events of the clinic's log. A case is one visit: its number stands for the appointment. Events of one moment keep the
-- order of the file.
with events as (
    {{ staged('clinic_log', 'event') | indent(4) }}
)

select
    feed as source_system,
    'event' as source_table,
    record_id as source_record_id,
    case_id as identity_id,
    happened_at as ts,
    cast(line as integer) as event_seq,
    activity,
    'encounter' as stage,
    'in_person' as channel,
    'clinic_log/' || case_id as appointment_id,
    version_at as recorded_at,
    ingested_at,
    batch_id
from events
