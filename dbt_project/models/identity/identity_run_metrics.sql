-- One row per night, metric and source (null: all sources): how matching did, so that nights can be compared.
select
    metrics.as_of,
    metrics.metric,
    metrics.source_system,
    metrics.value
from {{ source('identity', 'run_metrics') }} as metrics
