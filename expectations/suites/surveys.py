"""Survey answers as staged: on their scales, after their invitations."""

from expectations.suite import Suite, between

SUITES = (
    Suite(
        name="raw_surveys",
        asset=("staging", "stg_surveys__answers"),
        description="Every score lies on its question's scale.",
        sql="""
            select
                metric,
                min(score - scale_min) as above_scale_min,
                min(scale_max - score) as below_scale_max
            from staging.stg_surveys__answers
            where score is not null
            group by metric
        """,
        expectations=(between("above_scale_min", 0), between("below_scale_max", 0)),
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
