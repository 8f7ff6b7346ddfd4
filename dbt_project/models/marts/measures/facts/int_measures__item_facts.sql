-- Answers to CAHPS items, pillar and attribute questions as facts of cahps_scores, pillar_scores, advocacy_attributes.
-- The metric of an answer says what it asks about: `cahps`, or the measure's own metric (`pillar_empathy`, ...).
select
    measures.measure_id,
    responses.person_id,
    responses.responded_on as counted_on,
    responses.department_id,
    responses.channel,
    cast(null as varchar) as provider_id,
    responses.item_id,
    responses.instrument_version,
    case
        when not responses.is_finished or responses.score_0_100 is null then null
        when measures.measure_id <> 'CAHPS-TOP-BOX' then responses.score_0_100
        -- Always, yes, definitely yes, strongly agree: the top of the scale; on 0-10 also the 9.
        when responses.scale_max = 10 and responses.score >= 9 or responses.score = responses.scale_max then 1.0
        else 0.0
    end as numerator,
    case when responses.is_finished and responses.score_0_100 is not null then 1.0 end as denominator,
    case when not responses.is_finished and responses.score_0_100 is not null then 1 else 0 end as excluded_n,
    case when responses.score_0_100 is null then 1 else 0 end as missing_n
from {{ ref('experience_responses') }} as responses
inner join {{ ref('measures') }} as measures
    on
        responses.metric = measures.metric
        and measures.mart in ('cahps_scores', 'pillar_scores', 'advocacy_attributes')
