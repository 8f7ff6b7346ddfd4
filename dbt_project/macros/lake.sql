{#- The newest version of every record of one raw table: the rows whose record ended as `staged`. -#}
{% macro staged(source_name, table_name) -%}
select
    raw.*,
    staged.record_id,
    staged.version_at,
    staged.ingested_at,
    staged.batch_id
from {{ source(source_name, table_name) }} as raw
inner join {{ ref('stg_lake__staged') }} as staged
    on raw.file_id = staged.file_id and raw.line = staged.line
{%- endmacro %}

{#- The night's clock (UTC): the latest delivery's own time unless given. Never the wall clock. -#}
{% macro as_of() -%}
(select night.as_of from {{ ref('night') }} as night)
{%- endmacro %}
