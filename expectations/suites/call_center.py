"""Contacts as staged: durations that a human can spend on a call."""

from expectations.suite import Suite, between

SUITES = (
    Suite(
        name="raw_call_center",
        asset=("staging", "stg_call_center__contacts"),
        description="No negative durations, no contact both answered and abandoned: else units or columns changed.",
        sql="""
            select
                channel,
                avg((
                    least(coalesce(queue_wait_seconds, 0), coalesce(handle_seconds, 0), coalesce(hold_seconds, 0)) < 0
                )::integer) as share_of_negative_durations,
                avg((is_answered and is_abandoned)::integer) as share_answered_and_abandoned
            from staging.stg_call_center__contacts
            group by channel
            having count(*) >= 30
        """,
        expectations=(
            between("share_of_negative_durations", 0, 0.05),
            between("share_answered_and_abandoned", 0, 0.05),
        ),
    ),
    Suite(
        name="raw_call_center_units",
        asset=("staging", "stg_call_center__contacts"),
        description="Half the calls do not last beyond an hour: milliseconds read as seconds do.",
        sql="""
            select
                channel,
                median(queue_wait_seconds) as median_wait_seconds,
                median(handle_seconds) as median_handle_seconds
            from staging.stg_call_center__contacts
            where channel = 'VOICE'
            group by channel
            having count(*) >= 30
        """,
        expectations=(between("median_wait_seconds", 0, 3_600), between("median_handle_seconds", 0, 3_600)),
        blocking=False,
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
