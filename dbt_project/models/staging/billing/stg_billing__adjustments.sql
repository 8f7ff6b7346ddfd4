with staged_adjustments as (
    {{ staged('billing', 'adjustments') }}
)

select
    adjustments.record_id as remit_id,
    adjustments.position,
    adjustments.line_number,
    adjustments.group_code,
    adjustments.reason_code,
    adjustments.amount,
    adjustments.quantity,
    adjustments.feed as source_system,
    adjustments.version_at as recorded_at,
    adjustments.ingested_at,
    adjustments.batch_id
from staged_adjustments as adjustments
where adjustments.record_type = 'remit'
