-- One row per pharmacy claim that a payer answered (CARIN Blue Button): what was filled, when, and for how many days.
with staged as (
    {{ staged('ehr', 'explanation_of_benefit') }}
)

select
    id_space || '/' || explanation_of_benefit_id as explanation_of_benefit_id,
    id_space || '/' || patient_id as patient_id,
    status,
    -- A compound names its parts; the first stands for it.
    coalesce(rxnorm_code, ndc_code, compound_ndc_code) as medication_code,
    coalesce(served_on, cast({{ local_time('billed_from') }} as date)) as filled_on,
    days_supply,
    version_at as recorded_at,
    ingested_at,
    batch_id,
    feed as source_system
from staged
where type_code = 'pharmacy' and coalesce(use, 'claim') = 'claim'
