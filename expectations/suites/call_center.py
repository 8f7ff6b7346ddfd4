"""Contacts as staged: durations that a human can spend on a call."""

from expectations.suite import Suite, between

SUITES = (
    Suite(
        name="raw_call_center",
        asset=("staging", "stg_call_center__contacts"),
        description="No negative durations, no wait or call beyond a day; contacts are answered, abandoned or neither.",
        sql="""
            select
                channel,
                min(queue_wait_seconds) as shortest_wait_seconds,
                max(queue_wait_seconds) as longest_wait_seconds,
                min(handle_seconds) as shortest_handle_seconds,
                max(handle_seconds) as longest_handle_seconds,
                min(hold_seconds) as shortest_hold_seconds,
                avg((is_answered and is_abandoned)::integer) as share_answered_and_abandoned
            from staging.stg_call_center__contacts
            group by channel
        """,
        expectations=(
            between("shortest_wait_seconds", 0),
            between("longest_wait_seconds", 0, 7 * 86_400),
            between("shortest_handle_seconds", 0),
            between("longest_handle_seconds", 0, 7 * 86_400),
            between("shortest_hold_seconds", 0),
            between("share_answered_and_abandoned", 0, 0),
        ),
    ),
    Suite(
        name="call_center_service",
        asset=("staging", "stg_call_center__contacts"),
        description="A month in which most callers gave up, or none was answered, is more likely a broken feed.",
        sql="""
            select
                date_trunc('month', initiated_at) as month,
                count(*) filter (where is_abandoned)
                / (count(*) filter (where is_abandoned or is_answered)) as abandoned_share
            from staging.stg_call_center__contacts
            where channel = 'VOICE'
            group by date_trunc('month', initiated_at)
            having count(*) filter (where is_abandoned or is_answered) >= 30
        """,
        expectations=(between("abandoned_share", 0, 0.5),),
        blocking=False,
    ),
)
