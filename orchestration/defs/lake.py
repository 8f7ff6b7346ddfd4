"""All sources' accounts, read as one: what staging needs to know which version of a record is the newest."""

from collections.abc import Iterator

import dagster as dg
import pyarrow.parquet as pq

from orchestration.components.home import Home
from orchestration.components.source import LEDGER
from orchestration.lake.warehouse import prepare
from orchestration.pull.source import load_sources, unread_folders
from orchestration.settings import SOURCE_DEFINITIONS

SOURCES = load_sources(SOURCE_DEFINITIONS)
TABLES = {
    "records": "One row per delivered record, over all sources.",
    "rejects": "One row per finding about a record, over all sources; never a value.",
    "files": "One row per landed file, over all sources.",
    "identities": "One row per statement of who a record is about, over all sources.",
    "releases": "Rejected records that a steward released from quarantine.",
}


@dg.multi_asset(
    name="lake",
    specs=[
        dg.AssetSpec(
            key=["raw", "lake", table],
            deps=[["raw", source.name, LEDGER] for source in SOURCES],
            group_name="lake",
            owners=["team:data-engineering"],
            kinds={"parquet"},
            description=description,
        )
        for table, description in TABLES.items()
    ],
)
def lake(context: dg.AssetExecutionContext, home: Home) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
    """Make the sources' ledgers readable together, whichever of them delivered anything."""
    settings = home.settings
    prepare(settings)
    for warning in unread_folders(SOURCES, settings):
        context.log.warning(warning)
    for table in TABLES:
        pattern = "landing/_releases/*.parquet" if table == "releases" else f"raw/*/{table}/*.parquet"
        rows = sum(pq.read_metadata(path).num_rows for path in settings.root.glob(pattern))
        yield dg.MaterializeResult(asset_key=["raw", "lake", table], metadata={"dagster/row_count": rows})
