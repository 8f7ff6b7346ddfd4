"""Survey answers as staged: on their scales, after their invitations."""

from expectations.suite import Suite, between

SUITES = (
    Suite(
        name="raw_surveys",
        asset=("staging", "stg_surveys__answers"),
        description="Scores lie on their questions' scales: else values were recoded or columns moved.",
        sql="""
            select
                metric,
                avg((score not between scale_min and scale_max)::integer) as share_off_the_scale
            from staging.stg_surveys__answers
            where score is not null
            group by metric
            having count(*) >= 30
        """,
        expectations=(between("share_off_the_scale", 0, 0.05),),
    ),
    Suite(
        name="survey_times",
        asset=("staging", "stg_surveys__responses"),
        description="Answers come after their invitation and before the night.",
        sql="""
            select
                responses.survey_id,
                avg((responses.recorded_at_utc < invitations.sent_at)::integer) as share_before_invitation,
                avg((responses.recorded_at_utc > night.as_of + interval 1 day)::integer) as share_in_the_future
            from staging.stg_surveys__responses as responses
            cross join staging.night as night
            left join staging.stg_surveys__invitations as invitations
                on responses.invitation_id = invitations.invitation_id
            group by responses.survey_id
        """,
        expectations=(between("share_before_invitation", 0, 0.01), between("share_in_the_future", 0, 0.01)),
        blocking=False,
    ),
)
