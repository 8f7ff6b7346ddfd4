-- Answers of staff engagement surveys, one row each.
with answers as (
    {{ staged('staff', 'engagement') | indent(4) }}
)

select
    response_id,
    ehr_id_space || '/' || department_id as department_id,
    answered_on,
    question,
    score,
    scale_min,
    scale_max,
    feed as source_system,
    version_at as recorded_at,
    ingested_at,
    batch_id
from answers
