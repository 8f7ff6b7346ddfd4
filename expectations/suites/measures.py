"""Measure rows of every mart: values in the range of their kind, inside their interval, from possible counts."""

from expectations.suite import Suite, between

#: Marts of measure rows whose profile is checked; all carry the measure columns of the specification.
_MARTS = (
    *("experience_scores", "loop_closure", "retention"),
    *("wait_times", "emergency_access", "call_center_service", "portal_response", "portal_response_sla"),
    *("appointment_adherence", "medication_adherence_rates", "follow_up", "readmissions", "referral_loops"),
    *("denials", "bill_resolution", "accounts_receivable"),
    *(
        "access_tnaa",
        "access_tnaa_target",
        "advocacy_attributes",
        "cahps_scores",
        "persistence",
        "pillar_scores",
        "screening_rates",
    ),
)


def _profile(mart: str) -> str:
    return f"""
        select
            '{mart}' as mart,
            rows.measure_id,
            min(rows.value) filter (where measures.kind = 'proportion') as smallest_share,
            max(rows.value) filter (where measures.kind = 'proportion') as largest_share,
            min(rows.value) filter (where measures.kind = 'nps') as smallest_nps,
            max(rows.value) filter (where measures.kind = 'nps') as largest_nps,
            min(rows.value) filter (where measures.kind = 'median') as smallest_wait,
            max(rows.numerator - rows.denominator)
                filter (where measures.kind = 'proportion') as largest_numerator_beyond_denominator,
            min(rows.denominator) as smallest_denominator,
            min(least(rows.excluded_n, rows.missing_n)) as smallest_left_out,
            min(rows.value - rows.ci_low) as least_above_ci_low,
            min(rows.ci_high - rows.value) as least_below_ci_high,
            max((rows.suppressed and rows.value is not null)::integer) as shown_though_suppressed,
            max((rows.period_end < rows.period_start)::integer) as has_period_upside_down
        from marts.{mart} as rows
        left join seeds.measures as measures on rows.measure_id = measures.measure_id
        group by rows.measure_id
    """


SUITES = (
    Suite(
        name="measures_are_possible",
        asset=("marts", "experience_scores"),
        description="Shares in [0, 1], NPS in [-100, 100], waits from 0, values within their intervals.",
        sql=" union all ".join(_profile(mart) for mart in _MARTS),
        expectations=(
            between("smallest_share", 0, 1),
            between("largest_share", 0, 1),
            between("smallest_nps", -100, 100),
            between("largest_nps", -100, 100),
            between("smallest_wait", 0),
            between("largest_numerator_beyond_denominator", high=0),
            between("smallest_denominator", 0),
            between("smallest_left_out", 0),
            between("least_above_ci_low", -1e-9),
            between("least_below_ci_high", -1e-9),
            between("shown_though_suppressed", 0, 0),
            between("has_period_upside_down", 0, 0),
        ),
    ),
)
