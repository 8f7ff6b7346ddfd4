"""Every dbt model is an asset, every dbt test an asset check; identity and statistics stand between the parts."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject, dbt_assets
from dagster_dbt.asset_utils import get_subset_selection_for_context
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage
from dagster_dbt.dbt_manifest import validate_manifest

from orchestration.components.home import Home
from orchestration.components.progress import progress_shown
from orchestration.lake.dbt import NODE_RESULTS, BuildError, dbt_environment, run_dbt
from orchestration.lake.warehouse import AFTER_STATISTICS, BEFORE_IDENTITY, prepare, row_counts
from orchestration.settings import DBT_PROJECT, get_settings

PROJECT = DbtProject(project_dir=DBT_PROJECT, profiles_dir=DBT_PROJECT)
MANIFEST = validate_manifest(PROJECT.manifest_path)
#: What journey_models leaves to the other two.
BEFORE_IDENTITY_OR_AFTER_STATISTICS = f"{BEFORE_IDENTITY} {AFTER_STATISTICS}"


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


def _build(context: dg.AssetExecutionContext, select: str | None = None, exclude: str | None = None) -> Iterator[Any]:
    """Build with dbt in this process, then report with row counts: dbt holds the warehouse until it has ended.

    Not ``DbtCliResource``: it starts dbt anew three times a night (and a copy of the project where only a part is
    selected), which costs more than the models of a middling hospital. What was selected, and what an event of dbt
    means to Dagster, is dagster-dbt's to say here too.
    """
    settings = get_settings()
    prepare(settings)
    selection, indirect = get_subset_selection_for_context(
        context, MANIFEST, select, exclude, None, TRANSLATOR, current_dbt_indirect_selection_env=None
    )
    arguments = ["build", "--exclude-resource-type", "unit_test", *selection]
    arguments += ["--indirect-selection", indirect] if indirect else []
    told: list[Any] = []
    failure = None
    try:
        with progress_shown(context.log):
            run_dbt(settings, arguments, told.append)
    except BuildError as failed:
        failure = failed  # what was built before is told all the same
    counts = row_counts(settings.warehouse)
    for event in _asset_events(context, told):
        model = str(event.metadata.get("unique_id", "")).rpartition(".")[2] if event.metadata else ""
        if isinstance(event, dg.Output) and model in counts:
            yield event.with_metadata({**event.metadata, "dagster/row_count": counts[model]})
        else:
            yield event
    if failure is not None:
        raise failure


def _asset_events(context: dg.AssetExecutionContext, told: list[Any]) -> Iterator[Any]:
    """Read dbt's events as dagster-dbt reads its log lines."""
    from dbt_common.events.functions import msg_to_dict

    for event in told:
        if event.info.name in NODE_RESULTS:
            message = DbtCoreCliEventMessage(raw_event=msg_to_dict(event), event_history_metadata={})
            yield from message.to_default_asset_events(MANIFEST, TRANSLATOR, context, project=PROJECT)


@dbt_assets(
    manifest=MANIFEST,
    project=PROJECT,
    name="staging_models",
    select=BEFORE_IDENTITY,
    dagster_dbt_translator=TRANSLATOR,
)
def staging_models(context: dg.AssetExecutionContext, home: Home) -> Iterator[Any]:
    """Newest version of every record, typed; and the identifiers to match."""
    yield from _build(context, select=BEFORE_IDENTITY)


@dbt_assets(
    manifest=MANIFEST,
    project=PROJECT,
    name="journey_models",
    exclude=BEFORE_IDENTITY_OR_AFTER_STATISTICS,
    dagster_dbt_translator=TRANSLATOR,
)
def journey_models(context: dg.AssetExecutionContext, home: Home) -> Iterator[Any]:
    """Persons, touchpoints, episodes, journeys and the marts."""
    yield from _build(context, exclude=BEFORE_IDENTITY_OR_AFTER_STATISTICS)


@dbt_assets(
    manifest=MANIFEST,
    project=PROJECT,
    name="statistics_models",
    select=AFTER_STATISTICS,
    dagster_dbt_translator=TRANSLATOR,
)
def statistics_models(context: dg.AssetExecutionContext, home: Home) -> Iterator[Any]:
    """The marts of what goes with what."""
    yield from _build(context, select=AFTER_STATISTICS)


@dg.definitions
def defs() -> dg.Definitions:
    """The three parts of the dbt project."""
    os.environ.update(dbt_environment(get_settings()))
    return dg.Definitions(
        assets=[staging_models, journey_models, statistics_models],
        resources={"home": Home()},
    )
