{% set figures = {
    'attached_touchpoint_share': ('sums.n_touchpoints', 'everything.n_touchpoints'),
    'attached_call_share': ('sums.n_calls', 'everything.n_calls'),
    'people': ('sums.n_people', '1'),
    'touchpoints_per_person': ('sums.n_touchpoints', 'sums.n_people'),
    'multichannel_people_share': ('sums.n_multichannel', 'sums.n_people'),
    'failed_touchpoint_share': ('sums.n_failed', 'sums.n_touchpoints'),
    'nps_of_known_people': ('answers.net_promoters', 'answers.n_answers')
} %}

-- Headline figures, each three times: by certain matches alone, with probable ones, with all.
with levels as (
    select
        level.confidence_level,
        level.min_confidence
    from (values ('certain', 1.0), ('probable', 0.95), ('all', 0.0)) as level (confidence_level, min_confidence)
),

people as (
    select
        levels.confidence_level,
        touchpoints.person_id,
        count(*) as n_touchpoints,
        count(distinct touchpoints.channel) as n_channels,
        count(*) filter (where touchpoints.source_system = 'call_center') as n_calls,
        count(*) filter (where touchpoints.is_failed) as n_failed
    from {{ ref('touchpoints') }} as touchpoints
    inner join levels on touchpoints.match_confidence >= levels.min_confidence
    where touchpoints.person_id is not null
    group by levels.confidence_level, touchpoints.person_id
),

everything as (
    select
        cast(count(*) as double) as n_touchpoints,
        cast(count(*) filter (where touchpoints.source_system = 'call_center') as double) as n_calls
    from {{ ref('touchpoints') }} as touchpoints
),

sums as (
    select
        levels.confidence_level,
        cast(count(people.person_id) as double) as n_people,
        coalesce(sum(people.n_touchpoints), 0) as n_touchpoints,
        coalesce(sum(people.n_calls), 0) as n_calls,
        coalesce(sum(people.n_failed), 0) as n_failed,
        count(*) filter (where people.n_channels > 1) as n_multichannel
    from levels
    left join people on levels.confidence_level = people.confidence_level
    group by levels.confidence_level
),

answers as (
    select
        levels.confidence_level,
        100.0 * sum(
            case responses.score_class when 'promoter' then 1 when 'detractor' then -1 else 0 end
        ) as net_promoters,
        cast(count(responses.response_id) as double) as n_answers
    from levels
    left join {{ source('identity', 'person_crosswalk') }} as crosswalk
        on levels.min_confidence <= crosswalk.match_confidence and crosswalk.source_system = 'surveys'
    left join {{ ref('experience_responses') }} as responses
        on
            crosswalk.source_record_id = responses.response_id
            and responses.metric = 'nps'
            and responses.score_class is not null
    group by levels.confidence_level
),

figures as (
    {% for figure, (numerator, denominator) in figures.items() %}
        select
            sums.confidence_level,
            '{{ figure }}' as figure,
            cast({{ numerator }} as double) as numerator,
            cast({{ denominator }} as double) as denominator
        from sums
        inner join answers on sums.confidence_level = answers.confidence_level
        cross join everything
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

valued as (
    select
        figures.confidence_level,
        levels.min_confidence,
        figures.figure,
        figures.numerator,
        figures.denominator,
        figures.numerator / nullif(figures.denominator, 0) as value
    from figures
    inner join levels on figures.confidence_level = levels.confidence_level
)

select
    valued.figure,
    valued.confidence_level,
    cast(valued.min_confidence as double) as min_confidence,
    valued.numerator,
    valued.denominator,
    cast(valued.value as double) as value,
    cast(
        valued.value - max(valued.value) filter (where valued.confidence_level = 'all')
            over (partition by valued.figure)
        as double
    ) as difference_from_all
from valued
