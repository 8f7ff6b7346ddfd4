"""The Source component: one ``defs.yaml`` becomes a source's raw assets and its ``pull_<source>`` job.

Belongs here: how a declared source looks in Dagster. Does not belong: any format (``pull`` has a module for each).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from orchestration.components.home import Home
from orchestration.components.progress import progress_shown
from orchestration.lake.raw import EMPTY
from orchestration.lake.schemas import STANDARD_TABLES
from orchestration.pull.source import PullReport, Source, pull
from orchestration.settings import Settings

#: A source's own account, beside its tables.
LEDGER = "records"


@dataclass
class SourceComponent(dg.Component):
    """Pull one source: land its new files, parse them to raw Parquet, account for every record."""

    source: Source

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """The declaration that ``attributes`` must fulfil."""
        return Source

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """Make the component from its validated declaration."""
        if not isinstance(attributes, Source):
            raise dg.DagsterInvalidDefinitionError("a source needs attributes: see docs/sources.md")
        return cls(attributes)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the raw assets and the job that pulls just this source."""
        assets = self._assets()
        job = dg.define_asset_job(
            f"pull_{self.source.name}",
            selection=dg.AssetSelection.assets(assets),
            description=f"Land and parse what {self.source.name} delivered.",
        )
        return dg.Definitions(assets=[assets], jobs=[job])

    def _assets(self) -> dg.AssetsDefinition:
        source = self.source
        schemas = {**source.tables, LEDGER: STANDARD_TABLES[LEDGER]}
        specs = [self._spec(table, schema) for table, schema in schemas.items()]

        @dg.multi_asset(name=f"raw_{source.name}", specs=specs, retry_policy=dg.RetryPolicy(max_retries=1))
        def pull_source(context: dg.AssetExecutionContext, home: Home) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
            with progress_shown(context.log):
                report = pull(source, home.settings)
            for warning in report.warnings:
                context.log.warning(warning)
            yield from (_result(source.name, table, report, home.settings) for table in schemas)

        return pull_source

    def _spec(self, table: str, schema: pa.Schema) -> dg.AssetSpec:
        own = table != LEDGER
        return dg.AssetSpec(
            key=["raw", self.source.name, table],
            group_name=self.source.name,
            owners=self.source.owners,
            kinds={"parquet"},
            description=(
                f"Every delivered version of each {table.replace('_', ' ')} record. {self.source.description}"
                if own
                else f"One row per record that {self.source.name} delivered, and what parsing made of it."
            ),
            metadata={"dagster/column_schema": _column_schema(schema)},
        )


def _column_schema(schema: pa.Schema) -> dg.TableSchema:
    return dg.TableSchema(columns=[dg.TableColumn(field.name, str(field.type)) for field in schema])


def _result(source: str, table: str, report: PullReport, settings: Settings) -> dg.MaterializeResult:  # type: ignore[type-arg]
    folder = settings.raw / source / table
    rows = sum(pq.read_metadata(path).num_rows for path in folder.glob("*.parquet") if path.name != EMPTY)
    return dg.MaterializeResult(
        asset_key=["raw", source, table],
        metadata={
            "dagster/row_count": rows,
            "files_taken": report.files_taken,
            "files_parsed": report.files_parsed,
            "warnings": len(report.warnings),
        },
    )
