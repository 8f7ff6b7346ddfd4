-- Scored answers, one row per response and question, with the scale they were given on and the raw value.
with answers as (
    {{ staged('surveys', 'answer') | indent(4) }}
)

select
    answers.response_id,
    answers.question_id,
    answers.metric,
    answers.score,
    answers.raw_value,
    answers.scale_min,
    answers.scale_max,
    answers.scale_direction,
    answers.instrument,
    answers.instrument_version,
    answers.feed as source_system,
    answers.version_at as recorded_at,
    answers.ingested_at,
    answers.batch_id
from answers
inner join {{ ref('stg_surveys__responses') }} as responses on answers.response_id = responses.response_id
