select
    plan,
    step_number,
    activity,
    is_required,
    longest_wait_seconds
from {{ ref('journey_plans') }}
