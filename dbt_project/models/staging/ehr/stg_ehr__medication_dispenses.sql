-- One row per fill.
with staged as (
    {{ staged('ehr', 'medication_dispense') }}
)

select
    id_space || '/' || medication_dispense_id as medication_dispense_id,
    id_space || '/' || patient_id as patient_id,
    id_space || '/' || medication_request_id as medication_request_id,
    status,
    medication_system,
    medication_code,
    medication_display,
    prepared_at,
    handed_over_at,
    {{ days_of_supply() }} as days_supply,
    quantity,
    version_at as recorded_at,
    ingested_at,
    batch_id,
    feed as source_system
from staged
