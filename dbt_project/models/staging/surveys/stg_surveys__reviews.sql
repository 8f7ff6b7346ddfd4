-- Online reviews, one row each. The text is restricted: it may name people, and nothing after staging reads it.
with reviews as (
    {{ staged('surveys', 'review') | indent(4) }}
)

select
    site || '/' || review_id as review_id,
    site,
    ehr_id_space || '/' || department_id as department_id,
    rating,
    review_text,
    posted_at,
    feed as source_system,
    version_at as recorded_at,
    ingested_at,
    batch_id
from reviews
