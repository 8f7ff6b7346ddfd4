"""Portal events as staged: somebody did them, at a possible time, about possible amounts."""

from expectations.suite import Suite, between

SUITES = (
    Suite(
        name="raw_portal",
        asset=("staging", "stg_portal__events"),
        description="Events carry a user or a visitor, lie before the night, and pay sensible amounts.",
        sql="""
            select
                events.event_type,
                avg((events.user_id is null and events.anonymous_id is null)::integer) as share_of_nobody,
                avg((events.happened_at > night.as_of + interval 1 day)::integer) as share_in_the_future,
                min(events.amount) as smallest_amount,
                max(events.amount) as largest_amount
            from staging.stg_portal__events as events
            cross join staging.night as night
            group by events.event_type
        """,
        expectations=(
            between("share_of_nobody", 0, 0.01),
            between("share_in_the_future", 0, 0.01),
            between("smallest_amount", 0),
            between("largest_amount", 0, 1_000_000),
        ),
    ),
)
