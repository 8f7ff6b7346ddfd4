-- Scored answers, one row per response and question, with the scale they were given on and the raw value. Answers in
-- the EHR are scored by the seed `questionnaire_questions`: by the number given, or by the code chosen.
with answers as (
    {{ staged('surveys', 'answer') | indent(4) }}
),

items as (
    {{ staged('ehr', 'questionnaire_answer') | indent(4) }}
),

told as (
    select
        id_space || '/' || questionnaire_response_id as response_id,
        link_id,
        item_index,
        coalesce(value_code, cast(value_boolean as varchar), value_text) as answer_code,
        coalesce(cast(value_integer as double), cast(value_decimal as double)) as answer_number
    from items
),

mapped as (
    select
        told.response_id,
        told.link_id as question_id,
        questions.metric,
        -- A code that the map does not know is an answer without a score: it counts as missing.
        case
            when questions.answer_code is null then told.answer_number
            when questions.answer_code = told.answer_code then questions.score
        end as score,
        coalesce(told.answer_code, cast(told.answer_number as varchar)) as raw_value,
        questions.scale_min,
        questions.scale_max,
        questions.scale_direction,
        questions.instrument,
        coalesce(questions.instrument_version, nullif(split_part(responses.survey_id, '|', 2), ''))
            as instrument_version,
        questions.item,
        questions.composite,
        responses.source_system,
        responses.recorded_at,
        responses.ingested_at,
        responses.batch_id,
        -- A question that was asked again within one questionnaire counts as answered first.
        row_number() over (
            partition by told.response_id, told.link_id
            order by
                told.item_index,
                case when questions.answer_code = told.answer_code then 0 else 1 end,
                questions.answer_code
        ) as preference
    from told
    inner join {{ ref('stg_surveys__responses') }} as responses on told.response_id = responses.response_id
    inner join {{ ref('questionnaire_questions') }} as questions
        on
            split_part(responses.survey_id, '|', 1) = questions.questionnaire
            and told.link_id = questions.link_id
    where told.answer_code is not null or told.answer_number is not null
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
    answers.item,
    answers.composite,
    answers.feed as source_system,
    answers.version_at as recorded_at,
    answers.ingested_at,
    answers.batch_id
from answers
inner join {{ ref('stg_surveys__responses') }} as responses on answers.response_id = responses.response_id

union all

select
    mapped.response_id,
    mapped.question_id,
    mapped.metric,
    mapped.score,
    mapped.raw_value,
    mapped.scale_min,
    mapped.scale_max,
    mapped.scale_direction,
    mapped.instrument,
    mapped.instrument_version,
    mapped.item,
    mapped.composite,
    mapped.source_system,
    mapped.recorded_at,
    mapped.ingested_at,
    mapped.batch_id
from mapped
where mapped.preference = 1
