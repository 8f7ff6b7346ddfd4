"""Every expectation suite is an asset check on the table it names; blocking ones stop the publication."""

import dagster as dg

from expectations.run import validate
from expectations.suites import SUITES, Suite
from orchestration.components.home import Home


def _check(suite: Suite) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=dg.AssetKey(list(suite.asset)),
        name=suite.name,
        blocking=suite.blocking,
        description=suite.description,
    )
    def check(home: Home) -> dg.AssetCheckResult:
        verdict = validate(suite, home.settings.warehouse, max_rejected_share=home.settings.max_rejected_share)
        return dg.AssetCheckResult(
            passed=verdict.passed,
            severity=dg.AssetCheckSeverity.ERROR if suite.blocking else dg.AssetCheckSeverity.WARN,
            metadata={"failed_expectations": verdict.failed, "rows": verdict.rows},
        )

    return check


@dg.definitions
def defs() -> dg.Definitions:
    """One check a suite."""
    return dg.Definitions(asset_checks=[_check(suite) for suite in SUITES])
