-- One row per prescription. `days_supply` is of one fill; `total_days_supply`, from `starts_at` on, of all that may be
-- filled, and where neither days nor a dosage say how long that lasts, of the period that it is prescribed for.
with staged as (
    {{ staged('ehr', 'medication_request') }}
),

supplied as (
    select
        *,
        coalesce(bounds_start, authored_at, valid_from) as starts_at,
        {{ days_of_supply() }} as days_of_one_fill
    from staged
)

select
    id_space || '/' || medication_request_id as medication_request_id,
    id_space || '/' || patient_id as patient_id,
    id_space || '/' || encounter_id as encounter_id,
    id_space || '/' || practitioner_id as practitioner_id,
    status,
    intent,
    medication_system,
    medication_code,
    medication_display,
    authored_at,
    starts_at,
    days_of_one_fill as days_supply,
    coalesce(
        days_of_one_fill * (1 + coalesce(repeats_allowed, 0)),
        1 + {{ days_between(
            'cast(' ~ local_time('starts_at') ~ ' as date)', 'cast(' ~ local_time('bounds_end') ~ ' as date)'
        ) }}
    ) as total_days_supply,
    repeats_allowed,
    quantity,
    version_at as recorded_at,
    ingested_at,
    batch_id,
    feed as source_system
from supplied
