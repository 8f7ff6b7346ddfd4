-- Free text of responses. Restricted: it may name people, and nothing after staging reads it.
with comments as (
    {{ staged('surveys', 'comment') | indent(4) }}
)

select
    response_id,
    question_id,
    comment,
    feed as source_system,
    version_at as recorded_at,
    ingested_at,
    batch_id
from comments
