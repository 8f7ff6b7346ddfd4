"""When things run: `build` at 02:00 over everything landed, `nightly` as pulls and build in one run."""

import dagster as dg

from orchestration.pull.source import load_sources
from orchestration.settings import SOURCE_DEFINITIONS, get_settings

RAW = dg.AssetSelection.groups(
    *(source.name for source in load_sources(SOURCE_DEFINITIONS))
) & dg.AssetSelection.key_prefixes("raw")

#: Assets made on demand only.
ON_DEMAND = dg.AssetSelection.assets(["identity", "identity_model"])

nightly = dg.define_asset_job(
    "nightly",
    selection=dg.AssetSelection.all() - ON_DEMAND,
    description="The whole night in one run: pull every source, build, check, publish.",
)

build = dg.define_asset_job(
    "build",
    selection=dg.AssetSelection.all() - RAW - ON_DEMAND,
    description="Build, check and publish everything that has landed.",
)

build_schedule = dg.ScheduleDefinition(
    name="build_at_0200",
    job=build,
    cron_schedule="0 2 * * *",
    execution_timezone=get_settings().time_zone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night at 02:00, the organisation's local time.",
)


def _pull_schedule(source_name: str) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=f"pull_{source_name}_at_0100",
        job_name=f"pull_{source_name}",
        cron_schedule="0 1 * * *",
        execution_timezone=get_settings().time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Pull {source_name} an hour before the build; a slow or dead source blocks no other.",
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Jobs and their schedules.

    Every run is one process, ad-hoc materializations in the UI too: the default executor would load all definitions
    anew for each step, and its steps would wait for each other's lock on the home.
    """
    pulls = [_pull_schedule(source.name) for source in load_sources(SOURCE_DEFINITIONS)]
    schedules = [build_schedule, *pulls]
    return dg.Definitions(jobs=[nightly, build], schedules=schedules, executor=dg.in_process_executor)
