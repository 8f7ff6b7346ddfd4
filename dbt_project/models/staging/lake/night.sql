-- The night's clock: as given, or else the latest delivery's own time. Nothing reads the wall clock.
-- Deliveries that never say when they were made (a plain drop of FHIR files) are as old as their last encounter.
with clock as (
    {%- if var('as_of') %}
        select cast('{{ var("as_of") }}' as timestamp) as as_of
    {%- else %}
        select
            coalesce(
                (select max(files.delivered_at) from {{ ref('stg_lake__files') }} as files),
                (
                    select max(greatest(encounters.started_at, encounters.ended_at))
                    from {{ source('ehr', 'encounter') }} as encounters
                ),
                timestamp '1970-01-01 00:00:00'
            ) as as_of
    {%- endif %}
)

select
    clock.as_of,
    cast({{ local_time('clock.as_of') }} as date) as as_of_date
from clock
