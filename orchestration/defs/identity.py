"""Identity: the records that dbt prepared become persons."""

import dagster as dg

from orchestration.components.home import Home
from orchestration.identity import resolve


@dg.asset(
    key=["identity", "person_crosswalk"],
    deps=[["identity", "identity_records"]],
    group_name="identity",
    owners=["team:data-engineering"],
    kinds={"python", "parquet"},
    description="Which person each source identity is; person ids stay the same over nights.",
)
def person_crosswalk(home: Home) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Match, cluster, keep ids stable; the new state waits until the publication takes it over."""
    settings = home.settings
    report = resolve(settings.exchange / "identity_records.parquet", settings.exchange, settings.identity)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": report.identities,
            "persons": report.persons,
            "without_person": report.without_person,
            "minted": report.minted,
            "merged": report.merged,
            "split": report.split,
        }
    )
