-- Changes of departments (opened, moved, merged, ...), one row each: what a break in a series may come from.
with changes as (
    {{ staged('staff', 'department_change') | indent(4) }}
)

select
    change_id,
    ehr_id_space || '/' || department_id as department_id,
    changed_on,
    change,
    ehr_id_space || '/' || into_department_id as into_department_id,
    feed as source_system,
    version_at as recorded_at,
    ingested_at,
    batch_id
from changes
