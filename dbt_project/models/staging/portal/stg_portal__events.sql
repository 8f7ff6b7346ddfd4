-- Portal events, one row per record (a `messageId`, or an extract and its row's id); ids of EHR things are qualified by
-- their id space.
with events as (
    {{ staged('portal', 'event') | indent(4) }}
)

select
    record_id as message_id,
    event_type,
    event,
    page_name,
    user_id,
    anonymous_id,
    previous_id,
    happened_at,
    ehr_id_space || '/' || appointment_id as appointment_id,
    ehr_id_space || '/' || department_id as department_id,
    ehr_id_space || '/' || provider_id as provider_id,
    ehr_id_space || '/' || thread_id as thread_id,
    ehr_id_space || '/' || communication_id as communication_id,
    ehr_id_space || '/' || result_id as result_id,
    statement_id,
    amount,
    time_zone,
    feed as source_system,
    version_at as recorded_at,
    ingested_at,
    batch_id
from events
