"""The command line behind `make run` and `make ui`.

Belongs here: setting up Dagster's home, running the nightly job with progress, the closing table.
Does not belong: any step of the night (``defs`` declares them, the rooms do them).
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
import uuid
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from rich.console import Console

from orchestration.declaration import DeclarationError
from orchestration.lake.lock import HomeIsBusyError, home_lock
from orchestration.night import ensure_deliveries
from orchestration.pull.source import load_sources
from orchestration.report import StepProgress, print_night, reason
from orchestration.settings import PROJECT_ROOT, SOURCE_DEFINITIONS, Settings, WrongSettingError, get_settings

if TYPE_CHECKING:
    import dagster as dg

#: Progress is shown step by step instead of Dagster's log, which is kept in its storage for the UI.
SILENT_CONSOLE = {"console": {"config": {"log_level": "CRITICAL"}}}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m orchestration", description="Patient journeys, night by night.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="the whole night in one run")
    ui = commands.add_parser("ui", help="Dagster's UI on 127.0.0.1")
    ui.add_argument("--port", type=int, default=3000)
    chosen = parser.parse_args(arguments)
    console = Console(file=sys.stdout)
    try:
        settings = get_settings()
        _prepare_environment(settings)
        if chosen.command == "ui":
            _ui(chosen.port)
        with home_lock(settings.root):
            return _run(settings, console)
    except (DeclarationError, HomeIsBusyError, WrongSettingError, OSError) as stopped:
        console.print(str(stopped), style="red", markup=False, soft_wrap=True)
        return 1


def _prepare_environment(settings: Settings) -> None:
    """Dagster's home with our instance settings; every tool's telemetry off."""
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(PROJECT_ROOT / "dagster.yaml", settings.dagster_home / "dagster.yaml")
    os.environ |= {
        "DAGSTER_HOME": str(settings.dagster_home),
        "JOURNEYS_HOME": str(settings.root),
        "DAGSTER_DG_UPDATE_CHECK_ENABLED": "0",
        "GX_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def _ui(port: int) -> NoReturn:
    """Become Dagster's own development server."""
    dagster = str(Path(sys.executable).with_name("dagster"))
    os.chdir(PROJECT_ROOT)
    os.execv(dagster, [dagster, "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)])  # noqa: S606


def _run(settings: Settings, console: Console) -> int:
    started = time.monotonic()
    load_sources(SOURCE_DEFINITIONS)  # a mistake in a declaration is told here without Dagster's stack around it
    if ensure_deliveries(settings):
        console.print(f"Made the sample hospital's deliveries in {settings.sample}", soft_wrap=True)
    import dagster as dg  # takes seconds to import

    from orchestration.definitions import defs

    console.print("The night:")
    job = defs().resolve_job_def("nightly")
    run_id = str(uuid.uuid4())
    with dg.DagsterInstance.get() as instance:
        instance.add_event_listener(run_id, StepProgress(console, total=len(job.nodes)))
        with redirect_stdout(StringIO()):  # dbt's own lines; the console keeps the terminal
            result = job.execute_in_process(
                instance=instance, run_id=run_id, raise_on_error=False, run_config={"loggers": SILENT_CONSOLE}
            )
    if not result.success:
        _print_failure(console, result, settings)
        return 1
    passed = sum(check.passed for check in result.get_asset_check_evaluations())
    print_night(console, settings, checks_passed=passed, seconds=time.monotonic() - started)
    return 0


def failure_reasons(result: dg.ExecuteInProcessResult) -> list[str]:
    """Return why steps failed, in words that are fit for a terminal: no value is in them."""
    failures = [(event.step_key, event.step_failure_data.error) for event in result.all_events if event.is_step_failure]
    return [f"{step}: {reason(error)}" for step, error in failures if error]


def _print_failure(console: Console, result: dg.ExecuteInProcessResult, settings: Settings) -> None:
    """Say what failed and what to do; counts and names only."""
    failed_steps = [str(event.step_key) for event in result.all_events if event.is_step_failure]
    failed_checks = [
        f"{check.asset_key.to_user_string()}: {check.check_name}"
        for check in result.get_asset_check_evaluations()
        if not check.passed
    ]
    console.print(f"[red]The night failed[/red] at {', '.join(failed_steps)}. The last publication stays in place.")
    for told in failure_reasons(result):
        console.print(f"  {told}", highlight=False, markup=False, soft_wrap=True)
    for check in failed_checks:
        console.print(f"  failed check {check}", highlight=False)
    console.print(f"Open `make ui`, run {result.run_id[:8]}, for the step's log; then `make run` again.")
    console.print(f"Dagster's storage: {settings.dagster_home}", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
