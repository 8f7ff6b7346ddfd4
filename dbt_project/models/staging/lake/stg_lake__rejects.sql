-- Findings about records of this night's files: where, which rule, never a value.
select
    files.source,
    files.feed,
    files.file_name,
    rejects.file_id,
    rejects.line,
    rejects.table_name,
    rejects.rule,
    rejects.element,
    rejects.severity,
    rejects.detail,
    released.file_id is not null as is_released
from {{ source('lake', 'rejects') }} as rejects
inner join {{ ref('stg_lake__files') }} as files on rejects.file_id = files.file_id
left join {{ ref('stg_lake__releases') }} as released
    on rejects.file_id = released.file_id and rejects.line = released.line
