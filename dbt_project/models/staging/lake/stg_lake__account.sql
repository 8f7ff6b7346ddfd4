-- The account: per file, what was delivered (counted without the parser) and what became of it.
with states as (
    select
        file_id,
        count(*) as records_accounted,
        count(*) filter (where state = 'staged') as records_staged,
        count(*) filter (where state = 'superseded') as records_superseded,
        count(*) filter (where state = 'duplicate') as records_duplicate,
        count(*) filter (where state = 'deleted') as records_deleted,
        count(*) filter (where state = 'rejected') as records_rejected,
        count(*) filter (where state = 'not_modelled') as records_not_modelled
    from {{ ref('stg_lake__record_states') }}
    group by file_id
)

select
    files.file_id,
    files.source,
    files.feed,
    files.file_name,
    files.records_delivered,
    coalesce(states.records_accounted, 0) as records_accounted,
    coalesce(states.records_staged, 0) as records_staged,
    coalesce(states.records_superseded, 0) as records_superseded,
    coalesce(states.records_duplicate, 0) as records_duplicate,
    coalesce(states.records_deleted, 0) as records_deleted,
    coalesce(states.records_rejected, 0) as records_rejected,
    coalesce(states.records_not_modelled, 0) as records_not_modelled
from {{ ref('stg_lake__files') }} as files
left join states on files.file_id = states.file_id
