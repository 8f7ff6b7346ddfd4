-- One row per patient record of a FHIR server; one person may have several.
with staged as (
    {{ staged('ehr', 'patient') }}
)

select
    id_space || '/' || patient_id as patient_id,
    mrn_system,
    mrn,
    family,
    given,
    suffix,
    try_cast(birth_date || substr('0000-01-01', length(birth_date) + 1) as date) as birth_date,
    case length(birth_date) when 10 then 'day' when 7 then 'month' when 4 then 'year' end as birth_date_precision,
    gender,
    phone,
    lower(email) as email,
    address_line,
    city,
    state,
    postal_code,
    nullif(right(replace(ssn, '-', ''), 4), '') as ssn4,
    race,
    ethnicity,
    language,
    marital_status,
    coalesce(is_deceased, deceased_at is not null) as is_deceased,
    deceased_at,
    id_space || '/' || replaced_by_patient_id as replaced_by_patient_id,
    version_at as recorded_at,
    ingested_at,
    batch_id,
    feed as source_system
from staged
