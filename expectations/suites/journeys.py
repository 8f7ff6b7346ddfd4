"""Touchpoints and journeys: every source tells its part, waits and times can be true, nothing is counted twice."""

from expectations.suite import Suite, at_least, between

SUITES = (
    Suite(
        name="touchpoints_are_plausible",
        asset=("marts", "touchpoints"),
        description="Durations are not negative but for a few, confidence is a share.",
        sql="""
            select
                source_system,
                activity,
                avg((wait_seconds < 0)::integer) as share_of_negative_waits,
                avg((duration_seconds < 0)::integer) as share_of_negative_durations,
                avg((ts_end < ts)::integer) as share_ending_early,
                min(match_confidence) as least_confidence,
                max(match_confidence) as most_confidence
            from marts.touchpoints
            group by source_system, activity
            having count(*) >= 30
        """,
        expectations=(
            between("share_of_negative_waits", 0, 0.1),
            between("share_of_negative_durations", 0, 0.05),
            between("share_ending_early", 0, 0.05),
            between("least_confidence", 0, 1),
            between("most_confidence", 0, 1),
        ),
    ),
    Suite(
        name="touchpoints_before_night",
        asset=("marts", "touchpoints"),
        description="Touchpoints lie before the night's clock; else a clock or a zone is wrong.",
        sql="""
            select
                touchpoints.source_system,
                avg((touchpoints.ts > night.as_of + interval 1 day)::integer) as share_in_the_future
            from marts.touchpoints as touchpoints
            cross join staging.night as night
            group by touchpoints.source_system
        """,
        expectations=(between("share_in_the_future", 0, 0.01),),
        blocking=False,
    ),
    Suite(
        name="every_source_tells_its_part",
        asset=("marts", "touchpoints"),
        description="A source whose records were staged has touchpoints (staff trainings become none).",
        sql="""
            select
                account.source,
                sum(account.records_staged) as records_staged,
                sum(coalesce(told.n_touchpoints, 0)) as n_touchpoints
            from (
                select source, feed, sum(records_staged) as records_staged
                from staging.stg_lake__account
                where source in ('ehr', 'portal', 'call_center', 'billing', 'surveys')
                group by source, feed
            ) as account
            left join (
                select source_system, count(*) as n_touchpoints
                from marts.touchpoints
                group by source_system
            ) as told on account.feed = told.source_system
            group by account.source
            having sum(account.records_staged) >= 100
        """,
        expectations=(between("n_touchpoints", 1),),
        blocking=False,
    ),
    Suite(
        name="journeys_are_plausible",
        asset=("marts", "journeys"),
        description="Journeys hold touchpoints, end after they start, and wait no longer than they last.",
        sql="""
            select
                journey_type,
                min(n_touchpoints) as fewest_touchpoints,
                min(elapsed_seconds) as shortest_seconds,
                min(date_diff('second', start_ts, coalesce(end_ts, start_ts))) as shortest_span_seconds,
                max(n_failed - n_touchpoints) as most_failed_beyond_touchpoints
            from marts.journeys
            group by journey_type
        """,
        expectations=(
            between("fewest_touchpoints", 1),
            between("shortest_seconds", 0),
            between("shortest_span_seconds", 0),
            between("most_failed_beyond_touchpoints", high=0),
        ),
    ),
    Suite(
        name="journeys_hold_every_touchpoint",
        asset=("marts", "journey_touchpoints"),
        description="No touchpoint is lost or counted twice on the way into journeys.",
        sql="""
            select
                (select count(*) from marts.touchpoints) as n_touchpoints,
                (select count(*) from marts.journey_touchpoints) as n_placed
        """,
        expectations=(at_least("n_touchpoints", "n_placed"), at_least("n_placed", "n_touchpoints")),
    ),
)
