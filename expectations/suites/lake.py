"""What was delivered: how much of it was refused, and whether its times can be true."""

from expectations.suite import Suite, between, parameter

SUITES = (
    Suite(
        name="lake_rejected_share",
        asset=("staging", "stg_lake__account"),
        description="No source loses more of its records to rejects than the night allows.",
        sql="""
            select
                source,
                sum(records_rejected) / greatest(sum(records_delivered), 1) as rejected_share
            from staging.stg_lake__account
            group by source
        """,
        expectations=(between("rejected_share", 0, parameter("max_rejected_share")),),
    ),
    Suite(
        name="lake_version_times",
        asset=("staging", "stg_lake__record_states"),
        description="Records were not changed after the night's clock, nor before computers kept them.",
        sql="""
            select
                states.source,
                states.table_name,
                avg((states.version_at > night.as_of + interval 1 day)::integer) as share_after_night,
                avg((states.version_at < timestamp '1970-01-01')::integer) as share_before_1970
            from staging.stg_lake__record_states as states
            cross join staging.night as night
            where states.version_at is not null
            group by states.source, states.table_name
        """,
        expectations=(between("share_after_night", 0, 0.01), between("share_before_1970", 0, 0.01)),
        blocking=False,
    ),
)
