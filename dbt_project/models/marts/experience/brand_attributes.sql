-- Brand ratings of market research, on one scale.
select
    scores.wave,
    scores.fielded_on,
    scores.brand,
    scores.generation,
    scores.sub_sector,
    scores.attribute,
    case
        when scores.attribute = 'empathy' then 'both'
        when scores.attribute in ('integrity', 'resolution', 'expectations', 'time_and_effort', 'personalization')
            then 'pillar'
        else 'advocacy'
    end as attribute_kind,
    scores.respondents,
    case
        when not {{ is_suppressed('scores.respondents') }}
            then 100.0 * (scores.score - scores.scale_min) / nullif(scores.scale_max - scores.scale_min, 0)
    end as score_0_100,
    {{ is_suppressed('scores.respondents') }} as suppressed,
    {{ suppression_reason('scores.respondents') }} as suppression_reason
from {{ ref('stg_surveys__attribute_scores') }} as scores
