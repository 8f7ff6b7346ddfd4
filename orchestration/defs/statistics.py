"""Statistics: the cases that dbt exported become trends, associations, effects and losses."""

from collections.abc import Iterator

import dagster as dg

from orchestration.components.home import Home
from orchestration.statistics import run_statistics

CASES = ("visits", "appointments", "quarters", "bills", "interventions")
DESCRIPTIONS = {
    "dose_response": "Rates of outcomes by band of an exposure, with trend tests.",
    "associations": "Declared exposures with declared outcomes, crude and adjusted.",
    "effects": "What changed with trainings and pilots, in two designs.",
    "revenue_at_risk": "What missed visits, leavers and late bills cost.",
}


@dg.multi_asset(
    name="statistics",
    specs=[
        dg.AssetSpec(
            key=["statistics", table],
            deps=[["measures", f"int_statistics__{cases}"] for cases in CASES],
            group_name="statistics",
            owners=["team:data-engineering"],
            kinds={"python", "parquet"},
            description=description,
        )
        for table, description in DESCRIPTIONS.items()
    ],
)
def statistics(home: Home) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
    """Compute every declared statistic and hand the tables back to dbt."""
    report = run_statistics(home.settings.exchange)
    for table, rows in report.rows.items():
        yield dg.MaterializeResult(asset_key=["statistics", table], metadata={"dagster/row_count": rows})
