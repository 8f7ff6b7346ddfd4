-- The night's clock: as given, or else the latest delivery's own time. Nothing reads the wall clock.
select
    as_of,
    cast({{ local_time('as_of') }} as date) as as_of_date
from (
    {%- if var('as_of') %}
    select cast('{{ var("as_of") }}' as timestamp) as as_of
    {%- else %}
    select coalesce(max(files.delivered_at), timestamp '1970-01-01 00:00:00') as as_of
    from {{ ref('stg_lake__files') }} as files
    {%- endif %}
) as clock
