-- One row per answered or skipped score question of a survey response, classed by MEASURES section 5.
with answers as (
    select
        answer.response_id,
        answer.question_id,
        answer.metric,
        answer.raw_value,
        answer.instrument,
        answer.instrument_version,
        answer.item,
        answer.composite,
        answer.scale_min,
        answer.scale_max,
        coalesce(answer.scale_direction, 'higher_is_better') as scale_direction,
        -- A scale that runs the other way (CES 1.0) is turned; the raw value stays beside it.
        case
            when answer.scale_direction = 'lower_is_better' then answer.scale_min + answer.scale_max - answer.score
            else answer.score
        end as score
    from {{ ref('stg_surveys__answers') }} as answer
),

classed as (
    select
        answers.*,
        {{ score_class('answers.metric', 'answers.score') }} as score_class
    from answers
)

select
    classed.response_id,
    classed.question_id,
    classed.metric,
    response.survey_id,
    -- Scores are never trended across versions of an instrument; a survey of one's own is its own version.
    coalesce(classed.instrument || ' ' || classed.instrument_version, response.survey_id) as instrument_version,
    coalesce(classed.item, classed.question_id) as item_id,
    classed.composite as composite_id,
    response.invitation_id,
    crosswalk.person_id,
    response.department_id,
    response.encounter_id,
    response.contact_id,
    response.channel,
    response.language,
    response.recorded_at_utc as responded_at,
    cast({{ local_time('response.recorded_at_utc') }} as date) as responded_on,
    response.is_finished,
    cast(classed.score as double) as score,
    cast(classed.raw_value as varchar) as raw_value,
    cast(classed.scale_min as double) as scale_min,
    cast(classed.scale_max as double) as scale_max,
    classed.scale_direction,
    classed.score_class,
    classed.score_class in ('detractor', 'dissatisfied', 'hard') as is_negative,
    case
        when classed.score between classed.scale_min and classed.scale_max and classed.scale_max > classed.scale_min
            then 100.0 * (classed.score - classed.scale_min) / (classed.scale_max - classed.scale_min)
    end as score_0_100
from classed
inner join {{ ref('stg_surveys__responses') }} as response on classed.response_id = response.response_id
left join {{ source('identity', 'person_crosswalk') }} as crosswalk
    on
        coalesce(response.patient_id, classed.response_id) = crosswalk.source_record_id
        and crosswalk.source_system = case when response.patient_id is null then 'surveys' else 'ehr' end
