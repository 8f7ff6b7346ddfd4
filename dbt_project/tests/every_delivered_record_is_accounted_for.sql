-- DESIGN.md rule 1: the six states add up to the records delivered, per file. Returns the files where they do not.
select
    account.file_id,
    account.file_name,
    account.records_delivered,
    account.records_accounted
from {{ ref('stg_lake__account') }} as account
where
    account.records_delivered <> account.records_accounted
    or account.records_accounted <> (
        account.records_staged
        + account.records_superseded
        + account.records_duplicate
        + account.records_deleted
        + account.records_rejected
        + account.records_not_modelled
    )
