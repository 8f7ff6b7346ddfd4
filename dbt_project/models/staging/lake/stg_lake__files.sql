-- Files that count for this night: delivered by its clock. Later deliveries wait, so any earlier night can be rebuilt.
with files as (
    select
        file_id,
        source,
        feed,
        file_name,
        sha256,
        bytes,
        records_delivered,
        coalesce(delivered_at, observed_at) as delivered_at,
        ingested_at,
        batch_id
    from {{ source('lake', 'files') }}
)

select
    files.file_id,
    files.source,
    files.feed,
    files.file_name,
    files.sha256,
    files.bytes,
    files.records_delivered,
    files.delivered_at,
    files.ingested_at,
    files.batch_id
from files
{%- if var('as_of') %}
    where files.delivered_at is null or files.delivered_at <= cast('{{ var("as_of") }}' as timestamp)
{%- endif %}
