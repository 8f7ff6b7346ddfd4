-- The records that staging models show: the newest version of each.
select
    file_id,
    line,
    source,
    record_id,
    version_at,
    ingested_at,
    batch_id
from {{ ref('stg_lake__record_states') }}
where state = 'staged'
