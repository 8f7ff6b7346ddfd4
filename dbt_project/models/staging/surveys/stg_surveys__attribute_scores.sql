-- How a brand's customers rate it, attribute by attribute and segment by segment.
with scores as (
    {{ staged('surveys', 'attribute_score') | indent(4) }}
)

select
    wave,
    fielded_on,
    brand,
    generation,
    sub_sector,
    attribute,
    respondents,
    score,
    scale_min,
    scale_max,
    feed as source_system,
    version_at as recorded_at,
    ingested_at,
    batch_id
from scores
