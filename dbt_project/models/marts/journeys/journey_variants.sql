with variants as (
    {%- for journey_type in ["'all' as journey_type", 'journey_type'] %}
        select
            {{ journey_type }},
            variant_hash,
            min(variant_path) as variant_path,
            min(n_touchpoints) as n_steps,
            count(*) as n_journeys,
            count(distinct coalesce(cast(person_id as varchar), anonymous_id)) as n_persons,
            {{ exact_mean('elapsed_seconds') }} as mean_elapsed_seconds,
            {{ quantile('elapsed_seconds', 0.5) }} as median_elapsed_seconds
        from {{ ref('journeys') }}
        group by {{ 'variant_hash' if loop.first else 'journey_type, variant_hash' }}
        {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    journey_type,
    cast(
        row_number() over (partition by journey_type order by n_journeys desc, variant_hash asc) as integer
    ) as variant_rank,
    variant_hash,
    variant_path,
    n_steps,
    n_journeys,
    n_persons,
    cast(n_journeys as double) / sum(n_journeys) over (partition by journey_type) as share,
    mean_elapsed_seconds,
    median_elapsed_seconds
from variants
