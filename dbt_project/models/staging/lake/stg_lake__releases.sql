-- Rejected records that a steward released from quarantine (orchestration.lake.quarantine).
select distinct
    file_id,
    line
from {{ source('lake', 'releases') }}
