"""Portal events as staged: somebody did them, before the night, about possible amounts."""

from expectations.suite import Suite, between

SUITES = (
    Suite(
        name="raw_portal",
        asset=("staging", "stg_portal__events"),
        description="Events carry a user or a visitor and no negative amounts: else the feed changed shape.",
        sql="""
            select
                event_type,
                avg((user_id is null and anonymous_id is null)::integer) as share_of_nobody,
                avg((coalesce(amount, 0) < 0)::integer) as share_of_negative_amounts
            from staging.stg_portal__events
            group by event_type
            having count(*) >= 30
        """,
        expectations=(between("share_of_nobody", 0, 0.05), between("share_of_negative_amounts", 0, 0.05)),
    ),
    Suite(
        name="raw_portal_times",
        asset=("staging", "stg_portal__events"),
        description="Events lie before the night: clocks of devices run wrong, but not many.",
        sql="""
            select
                events.event_type,
                avg((events.happened_at > night.as_of + interval 1 day)::integer) as share_in_the_future
            from staging.stg_portal__events as events
            cross join staging.night as night
            group by events.event_type
        """,
        expectations=(between("share_in_the_future", 0, 0.01),),
        blocking=False,
    ),
)
