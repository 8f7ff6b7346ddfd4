"""dbt in this process: the parsed project, its commands, and what it compiles models and tests to.

Belongs here: everything that imports dbt.
Does not belong: SQL (``dbt_project``), or the rows of the warehouse (``warehouse``).
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from graphlib import TopologicalSorter
from typing import Any

from orchestration.settings import DBT_PROJECT, Settings

log = logging.getLogger(__name__)

#: Events that say what came of a model, seed or data test.
NODE_RESULTS = frozenset({"LogModelResult", "LogSeedResult", "LogTestResult"})
#: How often a long build says how far it is.
PROGRESS_SECONDS = 10.0
#: The selection of all data tests.
TESTS = "resource_type:test"
#: Errors of planning a query, or of finding its files: they quote the query, never a row.
ABOUT_THE_QUERY = ("Binder Error", "Catalog Error", "Parser Error", "Compilation Error", "Contract Error", "IO Error")


class BuildError(RuntimeError):
    """A dbt model or test failed; the publication of the last good night stays in place."""


def dbt_environment(settings: Settings) -> dict[str, str]:
    """Environment that dbt needs to find this home, without telemetry."""
    return {
        "JOURNEYS_HOME": str(settings.root),
        "DBT_ENV_SECRET_JOURNEYS_HOME": str(settings.root),
        "DO_NOT_TRACK": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def dbt_vars(settings: Settings) -> list[str]:
    """Return the ``--vars`` that settings decide; none where they equal the project's own.

    dbt keeps its parsed project only as long as the vars stay the same: a night with the project's own parses nothing.
    """
    chosen = {}
    if settings.time_zone != Settings.model_fields["time_zone"].default:
        chosen["time_zone"] = settings.time_zone
    if settings.as_of:
        chosen["as_of"] = f"{settings.as_of:%Y-%m-%d %H:%M:%S}"
    return ["--vars", json.dumps(chosen)] if chosen else []


class _Progress:
    """Says now and then how far a build is."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def __call__(self, event: Any) -> None:
        """Hear of one event of dbt."""
        if event.info.name in NODE_RESULTS and time.monotonic() - self._told >= PROGRESS_SECONDS:
            self._told = time.monotonic()
            total = getattr(event.data, "total", 0) or getattr(event.data, "num_models", 0)
            log.info("%d of %d models and tests: %s done", event.data.index, total, event.data.node_info.node_name)


def run_dbt(settings: Settings, arguments: Sequence[str], on_event: Callable[[Any], None]) -> None:
    """Run one dbt command on this home's warehouse; ``on_event`` sees every event (an ``EventMsg``) while it runs.

    How far it is goes to the log every ten seconds. dbt of this very process: a process of its own spends six seconds
    on imports and the parsed project.

    Raises:
        BuildError: models or tests failed; names them and the kind of error, never a value.
    """
    with _environment(dbt_environment(settings)):
        outcome = _invoke([*arguments, *dbt_vars(settings)], _parsed_project().deepcopy(), [on_event, _Progress()])
    failed = {
        result.node.name: _reason(result.message)
        for result in getattr(outcome.result, "results", [])
        if str(result.status) in {"error", "fail", "runtime error"}
    }
    if failed or not outcome.success:
        told = "; ".join(f"{name} ({reason})" for name, reason in failed.items())
        raise BuildError(f"dbt failed: {told or type(outcome.exception).__name__}")


def compiled(settings: Settings, select: str | None = None, exclude: str | None = None) -> tuple[Any, ...]:
    """Return the compiled nodes of a selection, parents before children: each with its SQL, kind and columns.

    They are the same for every home and night of this process, for sources name their files relative to the home.

    Raises:
        BuildError: the project does not parse or compile.
    """
    with _environment(dbt_environment(settings)):
        return _compiled(select, exclude, tuple(dbt_vars(settings)))


@cache
def _compiled(select: str | None, exclude: str | None, variables: tuple[str, ...]) -> tuple[Any, ...]:
    arguments = ["compile", *variables]
    arguments += ["--select", select] if select else []
    arguments += ["--exclude", exclude] if exclude else []
    whole = _parsed_project()
    if select != TESTS:  # dbt works through tests even where none is selected, to order what is
        nodes = {name: node for name, node in whole.nodes.items() if node.resource_type != "test"}
        whole = replace(whole, nodes=nodes, unit_tests={})
    outcome = _invoke(arguments, whole.deepcopy(), [])
    if not outcome.success:
        raise BuildError(f"the dbt project does not compile: {type(outcome.exception).__name__}")
    found = {result.node.unique_id: result.node for result in outcome.result.results}
    graph = {name: [parent for parent in node.depends_on_nodes if parent in found] for name, node in found.items()}
    return tuple(found[name] for name in TopologicalSorter(graph).static_order())


@cache
def _parsed_project() -> Any:
    """The parsed dbt project, which is the same for every home and night of this process."""
    outcome = _invoke(["parse"], None, [])
    if outcome.result is None:
        raise BuildError(f"the dbt project does not parse: {outcome.exception}")
    return outcome.result


def _invoke(arguments: Sequence[str], manifest: Any, callbacks: list[Callable[[Any], None]]) -> Any:
    """Run one dbt command in this process, silently, and let go of the warehouse afterwards.

    Silently because an error's text may quote a value. Each command gets a manifest of its own, for dbt writes into it.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.adapters.factory import reset_adapters  # dbt takes seconds to import: only where it runs
    from dbt.cli.main import dbtRunner

    common = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    common += ["--log-level", "none", "--log-level-file", "none", "--no-write-json"]
    try:
        return dbtRunner(manifest=manifest, callbacks=callbacks).invoke([*arguments, *common])
    finally:
        DuckDBConnectionManager.close_all_connections()  # else nobody could open the file in this process
        reset_adapters()


def _reason(message: str | None) -> str:
    """The kind of an error; its text only where that is about the query, for others may quote a value."""
    about = [line.strip() for line in (message or "").splitlines() if line.strip().startswith(ABOUT_THE_QUERY)]
    kinds = re.findall(r"\b[A-Z]\w+(?: \w+)? Error\b", message or "")
    return about[0] if about else kinds[-1] if kinds else "test"


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
