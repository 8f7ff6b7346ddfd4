"""Validating suites against a warehouse.

Belongs here: reducing by DuckDB, validating by Great Expectations, what may be said about the result.
Does not belong: what is expected (``suites``).

Only booleans are taken from Great Expectations: every richer result format keeps values of records, and so do the
messages of its exceptions. A failure names the expectation and its column; whoever may see the data looks there.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from expectations.suite import Suite
from expectations.suites import SUITES

MAX_REJECTED_SHARE = 0.05


@dataclass(frozen=True)
class Verdict:
    """What came of one suite: ``failed`` names expectations and columns, ``rows`` counts the frame's rows."""

    name: str
    blocking: bool
    passed: bool
    expectations_run: int
    failed: list[str]
    rows: int


def validate(suite: Suite, warehouse: Path, max_rejected_share: float = MAX_REJECTED_SHARE) -> Verdict:
    """Validate one suite against the warehouse, which is opened for reading only.

    Raises:
        duckdb.CatalogException: the warehouse lacks a table that the suite reads.
    """
    return validate_all(warehouse, max_rejected_share, [suite])[0]


def validate_all(
    warehouse: Path, max_rejected_share: float = MAX_REJECTED_SHARE, suites: Iterable[Suite] = SUITES
) -> list[Verdict]:
    """Validate suites one after the other (see ``validate``)."""
    parameters = {"max_rejected_share": max_rejected_share}
    with duckdb.connect(str(warehouse), read_only=True) as con:
        return [validate_frame(suite, con.execute(suite.sql).df(), parameters) for suite in suites]


def validate_frame(suite: Suite, frame: pd.DataFrame, parameters: Mapping[str, object] | None = None) -> Verdict:
    """Validate one suite against a frame.

    As a batch, not by a checkpoint: there is no store that results or suites would have to be written to.
    """
    gx, batches = _great_expectations()
    expected = [getattr(gx.expectations, e.kind)(**e.arguments) for e in suite.expectations]
    outcome = batches.get_batch(batch_parameters={"dataframe": frame}).validate(
        gx.ExpectationSuite(name=suite.name, expectations=expected),
        result_format="BOOLEAN_ONLY",
        expectation_parameters=dict(parameters or {}),
    )
    failed = [_label(result) for result in outcome.results if not result.success]
    return Verdict(suite.name, suite.blocking, bool(outcome.success), len(expected), sorted(failed), len(frame))


def _label(result: Any) -> str:
    """Return an expectation's type and columns, nothing else of its result."""
    arguments = result.expectation_config.kwargs
    columns = [str(arguments[key]) for key in ("column", "column_A", "column_B") if key in arguments]
    return " ".join([str(result.expectation_config.type), *columns])


@cache
def _great_expectations() -> tuple[Any, Any]:
    """Return Great Expectations, and the definition of a batch that every frame is given as.

    Imported where it is used, for it takes seconds; its telemetry is off before it starts. One context and one batch
    serve the process: each new asset would have all the others written out as YAML once more.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    import great_expectations as gx
    import great_expectations.expectations

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("warehouse").add_dataframe_asset("frame")
    return gx, asset.add_batch_definition_whole_dataframe("frame")
