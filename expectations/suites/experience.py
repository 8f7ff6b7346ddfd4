"""Experience beside its outcomes: exposures come first, and scores are not all alike."""

from expectations.suite import Suite, between

SUITES = (
    Suite(
        name="scores_are_distributed",
        asset=("marts", "experience_responses"),
        description="A question whose answers are all the same was read from the wrong column.",
        sql="""
            select
                metric,
                count(distinct score) as n_distinct_scores
            from marts.experience_responses
            where score is not null
            group by metric
            having count(*) >= 100
        """,
        expectations=(between("n_distinct_scores", 2),),
        blocking=False,
    ),
)
