"""The publication: what analysts open, moved into place only after every blocking check."""

import dagster as dg

from orchestration.components.home import Home
from orchestration.defs.warehouse import journey_models, statistics_models
from orchestration.identity import advance
from orchestration.publish import publish

MARTS = [key for key in {*journey_models.keys, *statistics_models.keys} if key.path[0] == "marts"]


@dg.asset(
    key=["publish", "publication"],
    deps=MARTS,
    group_name="publish",
    owners=["team:data-engineering"],
    kinds={"parquet", "duckdb"},
    description="published/limited/current and published/safe_harbor/current: the marts as analysts see them.",
)
def publication(home: Home) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Write the night's folders, then move `current`; identity state and key vault advance with it."""
    settings = home.settings
    done = publish(settings, advance_identity=lambda: advance(settings.exchange, settings.identity))
    return dg.MaterializeResult(
        metadata={"night": done.night, "is_new": done.is_new, "dagster/row_count": sum(done.rows.values())}
    )
