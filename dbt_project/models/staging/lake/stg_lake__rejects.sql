-- Findings about records of this night's files: where, which rule, never a value.
with findings as (
    select
        file_id,
        line,
        table_name,
        rule,
        element,
        severity,
        detail
    from {{ source('lake', 'rejects') }}
    union all
    select
        file_id,
        line,
        table_name,
        rule,
        element,
        severity,
        detail
    from {{ ref('stg_ehr__dangling_references') }}
)

select
    files.source,
    files.feed,
    files.file_name,
    findings.file_id,
    findings.line,
    findings.table_name,
    findings.rule,
    findings.element,
    findings.severity,
    findings.detail,
    released.file_id is not null as is_released
from findings
inner join {{ ref('stg_lake__files') }} as files on findings.file_id = files.file_id
left join {{ ref('stg_lake__releases') }} as released
    on findings.file_id = released.file_id and findings.line = released.line
