-- What became of every delivered record: exactly one of six states (DESIGN.md, rule 1).
--   not_modelled  a kind of record that nobody reads yet
--   rejected      a rule refused it and no steward released it
--   duplicate     the same content of the same record was delivered before
--   deleted       the record's newest version is a deletion
--   superseded    a newer version of the record was delivered
--   staged        the newest version: what staging models show
-- "Newest" is the record's own version time, then the delivery's time, then the content's hash, so that the order in
-- which files arrive never matters. A record whose own time is unknown counts from its delivery.
with records as (
    select
        records.file_id,
        records.line,
        files.source,
        records.feed,
        records.table_name,
        records.record_id,
        records.record_hash,
        records.version_at,
        files.delivered_at,
        files.ingested_at,
        files.batch_id,
        records.op,
        case
            when records.parse_state = 'rejected' and released.file_id is not null then 'parsed'
            else records.parse_state
        end as parse_state
    from {{ source('lake', 'records') }} as records
    inner join {{ ref('stg_lake__files') }} as files on records.file_id = files.file_id
    left join {{ ref('stg_lake__releases') }} as released
        on records.file_id = released.file_id and records.line = released.line
),

repeats as (
    select
        records.*,
        row_number() over (
            partition by records.source, records.table_name, records.record_id, records.record_hash, records.op
            order by records.delivered_at, records.file_id, records.line
        ) as repeat_number
    from records
    where records.parse_state = 'parsed'
),

versions as (
    select
        repeats.*,
        row_number() over (
            partition by repeats.source, repeats.table_name, repeats.record_id
            order by
                coalesce(repeats.version_at, repeats.delivered_at) desc nulls last,
                repeats.op asc,
                repeats.delivered_at desc nulls last,
                repeats.record_hash desc
        ) as version_number,
        first_value(repeats.op) over (
            partition by repeats.source, repeats.table_name, repeats.record_id
            order by
                coalesce(repeats.version_at, repeats.delivered_at) desc nulls last,
                repeats.op asc,
                repeats.delivered_at desc nulls last,
                repeats.record_hash desc
        ) as newest_op
    from repeats
    where repeats.repeat_number = 1
),

stated as (
    select
        file_id,
        line,
        source,
        feed,
        table_name,
        record_id,
        record_hash,
        version_at,
        ingested_at,
        batch_id,
        parse_state as state
    from records
    where parse_state <> 'parsed'
    union all
    select
        file_id,
        line,
        source,
        feed,
        table_name,
        record_id,
        record_hash,
        version_at,
        ingested_at,
        batch_id,
        'duplicate' as state
    from repeats
    where repeat_number > 1
    union all
    select
        file_id,
        line,
        source,
        feed,
        table_name,
        record_id,
        record_hash,
        version_at,
        ingested_at,
        batch_id,
        case
            when newest_op = 'delete' then 'deleted'
            when version_number = 1 then 'staged'
            else 'superseded'
        end as state
    from versions
)

select
    file_id,
    line,
    source,
    feed,
    table_name,
    record_id,
    record_hash,
    version_at,
    state,
    ingested_at,
    batch_id
from stated
