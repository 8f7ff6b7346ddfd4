"""Every suite, in the order in which they run: what came in, then what came out.

A new suite goes into its topic's module; it becomes a check by standing in the list there.
"""

from expectations.suite import Suite
from expectations.suites import (
    adherence,
    billing,
    call_center,
    ehr,
    experience,
    identity,
    journeys,
    lake,
    measures,
    portal,
    statistics,
    surveys,
)

SUITES: tuple[Suite, ...] = (
    *lake.SUITES,
    *ehr.SUITES,
    *portal.SUITES,
    *call_center.SUITES,
    *billing.SUITES,
    *surveys.SUITES,
    *identity.SUITES,
    *journeys.SUITES,
    *measures.SUITES,
    *adherence.SUITES,
    *experience.SUITES,
    *statistics.SUITES,
)

__all__ = ["SUITES", "Suite"]
