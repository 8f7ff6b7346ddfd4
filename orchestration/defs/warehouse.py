"""Every dbt model is an asset, every dbt test an asset check; identity and statistics stand between the parts."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliResource, DbtProject, dbt_assets

from orchestration.components.home import Home
from orchestration.lake.warehouse import AFTER_STATISTICS, BEFORE_IDENTITY, dbt_environment, dbt_vars, row_counts
from orchestration.settings import DBT_PROJECT, get_settings

#: dbt of this very environment, whether or not it is on PATH.
DBT = str(Path(sys.executable).with_name("dbt"))
PROJECT = DbtProject(project_dir=DBT_PROJECT, profiles_dir=DBT_PROJECT)


class Translator(DagsterDbtTranslator):
    """Groups by room: staging models stand with their source, the others with their layer, seeds together."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """Return the layer's name, or the source's for staging."""
        if dbt_resource_props["resource_type"] == "seed":
            return "seeds"
        layer, *rest = dbt_resource_props["fqn"][1:]
        return str(rest[0]) if layer == "staging" and len(rest) > 1 else str(layer)

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        """Everything built here is the data engineers'."""
        return ["team:data-engineering"]


TRANSLATOR = Translator(
    settings=DagsterDbtTranslatorSettings(enable_asset_checks=True, enable_source_tests_as_checks=True)
)


def _build(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """Build, then report with row counts: nobody can read the warehouse before dbt has let go of it.

    Not ``fetch_row_counts()``: it leaves dbt's connection open in this process.
    """
    settings = get_settings()
    arguments = ["--no-write-json", "build", "--exclude-resource-type", "unit_test", *dbt_vars(settings)]
    invocation = dbt.cli(arguments, context=context, raise_on_error=False)
    events = list(invocation.stream())
    counts = row_counts(settings.warehouse)
    for event in events:
        model = str(event.metadata.get("unique_id", "")).rpartition(".")[2] if event.metadata else ""
        if isinstance(event, dg.Output) and model in counts:
            yield event.with_metadata({**event.metadata, "dagster/row_count": counts[model]})
        else:
            yield event
    if (error := invocation.get_error()) is not None:
        raise error


@dbt_assets(
    manifest=PROJECT.manifest_path,
    project=PROJECT,
    name="staging_models",
    select=BEFORE_IDENTITY,
    dagster_dbt_translator=TRANSLATOR,
)
def staging_models(context: dg.AssetExecutionContext, dbt: DbtCliResource, home: Home) -> Iterator[Any]:
    """Newest version of every record, typed; and the identifiers to match."""
    yield from _build(context, dbt)


@dbt_assets(
    manifest=PROJECT.manifest_path,
    project=PROJECT,
    name="journey_models",
    exclude=f"{BEFORE_IDENTITY} {AFTER_STATISTICS}",
    dagster_dbt_translator=TRANSLATOR,
)
def journey_models(context: dg.AssetExecutionContext, dbt: DbtCliResource, home: Home) -> Iterator[Any]:
    """Persons, touchpoints, episodes, journeys and the marts."""
    yield from _build(context, dbt)


@dbt_assets(
    manifest=PROJECT.manifest_path,
    project=PROJECT,
    name="statistics_models",
    select=AFTER_STATISTICS,
    dagster_dbt_translator=TRANSLATOR,
)
def statistics_models(context: dg.AssetExecutionContext, dbt: DbtCliResource, home: Home) -> Iterator[Any]:
    """The marts of what goes with what."""
    yield from _build(context, dbt)


@dg.definitions
def defs() -> dg.Definitions:
    """The three parts of the dbt project and the client that runs them."""
    os.environ.update(dbt_environment(get_settings()))
    return dg.Definitions(
        assets=[staging_models, journey_models, statistics_models],
        resources={"dbt": DbtCliResource(project_dir=PROJECT, dbt_executable=DBT), "home": Home()},
    )
