"""Statistics: probabilities are probabilities, intervals hold their estimates, and not everything is a finding."""

from expectations.suite import Suite, between

SUITES = (
    Suite(
        name="effects_are_possible",
        asset=("marts", "associations"),
        description="p and q lie in 0-1, q is never below p, intervals hold the estimate, E-values begin at 1.",
        sql="""
            select
                family,
                min(least(p_value, crude_p_value)) as smallest_p,
                max(greatest(q_value, p_value, crude_p_value)) as largest_q,
                min(q_value - p_value) as least_penalty,
                min(least(effect - ci_low, ci_high - effect)) as least_margin,
                min(least(e_value, e_value_limit)) as least_e_value,
                max(n_fitted - n) as most_invented_cases
            from marts.associations
            group by family
        """,
        expectations=(
            between("smallest_p", 0, 1),
            between("largest_q", 0, 1),
            between("least_penalty", -1e-9),
            between("least_margin", 0),
            between("least_e_value", 1),
            between("most_invented_cases", None, 0),
        ),
    ),
    Suite(
        name="bands_add_up",
        asset=("marts", "dose_response"),
        description="Each case stands in one band, and a rate lies within its interval.",
        sql="""
            with bands as (
                select
                    family,
                    sum(n) as n_in_bands,
                    max(n_all_bands) as n_all_bands,
                    min(least(rate - ci_low, ci_high - rate)) as least_margin
                from marts.dose_response
                group by family, exposure, outcome, segment_dimension, segment
            )

            select
                family,
                max(abs(n_in_bands - n_all_bands)) as most_lost_cases,
                min(least_margin) as least_margin
            from bands
            group by family
        """,
        expectations=(between("most_lost_cases", 0, 0), between("least_margin", -1e-9)),
    ),
    Suite(
        name="not_all_is_found",
        asset=("marts", "associations"),
        description="If nearly every pair has a small q, cases are counted twice or a column says the outcome itself.",
        sql="""
            select
                family,
                avg(case when q_value < 0.05 then 1.0 else 0.0 end) as share_found
            from marts.associations
            where q_value is not null
            group by family
            having count(*) >= 50
        """,
        expectations=(between("share_found", 0, 0.8),),
        blocking=False,
    ),
)
