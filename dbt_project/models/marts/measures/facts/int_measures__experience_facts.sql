-- Answers, invitations, online reviews and staff's answers as facts of experience_scores (MEASURES section 5).
with scores as (
    select
        measures.measure_id,
        responses.person_id,
        responses.responded_on as counted_on,
        responses.department_id,
        responses.channel,
        responses.survey_id,
        responses.score,
        responses.score_class,
        responses.is_finished and responses.score_class not in ('missing', 'invalid') as is_counted
    from {{ ref('experience_responses') }} as responses
    inner join {{ ref('measures') }} as measures
        on measures.mart = 'experience_scores' and responses.metric = measures.metric
),

facts as (
    select
        scores.measure_id,
        scores.person_id,
        scores.counted_on,
        scores.department_id,
        scores.channel,
        case
            when not scores.is_counted then null
            when scores.measure_id in ('CSAT-MEAN', 'CES-MEAN') then scores.score
            when scores.score_class in ('promoter', 'satisfied', 'easy') then 1.0
            when scores.score_class = 'detractor' then -1.0
            else 0.0
        end as numerator,
        case when scores.is_counted then 1.0 end as denominator,
        case when scores.is_counted or scores.score_class = 'missing' then 0 else 1 end as excluded_n,
        case when scores.score_class = 'missing' and not scores.is_counted then 1 else 0 end as missing_n
    from scores

    union all

    -- Completes / (sampled - ineligible); an invitation that never arrived is ineligible.
    select
        'RESPONSE-RATE' as measure_id,
        invitations.person_id,
        invitations.sent_on as counted_on,
        invitations.department_id,
        invitations.channel,
        case when invitations.status <> 'bounced' then cast(invitations.is_complete as double) end as numerator,
        case when invitations.status <> 'bounced' then 1.0 end as denominator,
        case when invitations.status = 'bounced' then 1 else 0 end as excluded_n,
        0 as missing_n
    from {{ ref('int_measures__invitations') }} as invitations

    union all

    -- Reviews name nobody: each is a case of its own.
    select
        'REVIEW-RATING' as measure_id,
        cast(null as bigint) as person_id,
        cast({{ local_time('reviews.posted_at') }} as date) as counted_on,
        reviews.department_id,
        reviews.site as channel,
        cast(reviews.rating as double) as numerator,
        1.0 as denominator,
        0 as excluded_n,
        0 as missing_n
    from {{ ref('stg_surveys__reviews') }} as reviews

    union all

    select
        'STAFF-ENGAGEMENT' as measure_id,
        cast(null as bigint) as person_id,
        engagement.answered_on as counted_on,
        engagement.department_id,
        cast(null as varchar) as channel,
        100.0 * (engagement.score - engagement.scale_min) / nullif(engagement.scale_max - engagement.scale_min, 0)
            as numerator,
        case when engagement.scale_max > engagement.scale_min then 1.0 end as denominator,
        0 as excluded_n,
        case when engagement.scale_max > engagement.scale_min then 0 else 1 end as missing_n
    from {{ ref('stg_staff__engagement') }} as engagement
)

select
    facts.measure_id,
    facts.person_id,
    facts.counted_on,
    facts.department_id,
    cast(null as varchar) as provider_id,
    facts.channel,
    facts.numerator,
    facts.denominator,
    facts.excluded_n,
    facts.missing_n
from facts
