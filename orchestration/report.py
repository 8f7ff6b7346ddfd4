"""What a night shows on a terminal: a line per step, and the closing table.

Belongs here: rich output. Does not belong: anything that decides. Counts only, never a value of a record.
"""

from __future__ import annotations

import builtins
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from orchestration.lake.warehouse import SourceAccount, accounts, reading
from orchestration.settings import Settings

QUERY = """select department_id, period_start, value as nps, ci_low, ci_high
from experience_scores
where measure_id = 'NPS' and grouping_set = 'department' and period_grain = 'year' and not suppressed
order by department_id, period_start"""


#: The modules whose errors may be shown.
OURS = "orchestration."
#: What dagster-dbt tells of each build that is not of a part.
NOT_PROGRESS = "A dbt subsetted execution is not being performed"


class StepProgress:
    """Prints a line when a step of the night ends, and each warning: a listener to Dagster's event log."""

    def __init__(self, console: Console, total: int) -> None:
        self.console, self.total, self.done = console, total, 0

    def __call__(self, entry: Any) -> None:
        """Show one entry of the event log, if people care for it."""
        kind = entry.dagster_event.event_type_value if entry.dagster_event else None
        if kind in {"STEP_SUCCESS", "STEP_FAILURE", "STEP_SKIPPED"}:
            self.done += 1
            mark = {"STEP_SUCCESS": "[green]done[/green]", "STEP_FAILURE": "[red]failed[/red]"}.get(kind, "skipped")
            self.console.print(f"  [{self.done}/{self.total}] {entry.step_key} {mark}", highlight=False)
        elif kind is None and entry.level == logging.WARNING:
            self.console.print(f"  [yellow]warning[/yellow] {entry.user_message}", highlight=False, soft_wrap=True)
        elif kind is None and entry.level == logging.INFO and not entry.user_message.startswith(NOT_PROGRESS):
            self.console.print(f"  [dim]{entry.user_message}[/dim]", highlight=False)


def reason(error: Any) -> str:
    """What may be shown of a step's error (Dagster's ``SerializableErrorInfo``): the text of our own and of the system.

    Ours say no value of a record (each says so where it is declared), the system's name a file. Others may quote one:
    of them the kind is shown. A text of many lines loses none: a declaration's mistakes stand one a line.
    """
    while True:
        kind, _, text = error.message.strip().partition(": ")
        if kind.startswith(OURS) or issubclass(getattr(builtins, kind, object), OSError):
            return str(text)
        if not error.cause:
            return str(error.cls_name)
        error = error.cause


def print_night(console: Console, settings: Settings, checks_passed: int, seconds: float) -> None:
    """Print the account of every source, what was built, and where the marts are."""
    console.print(_account_table(accounts(settings.warehouse)))
    with reading(settings.warehouse) as con:
        persons, touchpoints, journeys = con.execute(
            "select (select count(*) from marts.dim_person), (select count(*) from marts.touchpoints), "
            "(select count(*) from marts.journeys)"
        ).fetchall()[0]
    console.print(
        f"{persons:,} persons, {touchpoints:,} touchpoints, {journeys:,} journeys; "
        f"{checks_passed:,} checks passed; {seconds:.0f} s"
    )
    current = settings.published / "limited" / "current"
    console.print(f"Published: {current.resolve().name} in {current}", soft_wrap=True)
    console.print(f"Try: duckdb -readonly {_shown(current / 'journeys.duckdb')}", soft_wrap=True)
    console.print(QUERY, highlight=False)


def _account_table(rows: Sequence[SourceAccount]) -> Table:
    title = "Records: delivered, and the one state each ended in"
    table = Table(title=title, box=SIMPLE_HEAD, padding=0)  # whole in 80 columns
    for name in ("source", "delivered", "staged", "superseded", "duplicate", "deleted", "rejected", "not modelled"):
        table.add_column(name, justify="left" if name == "source" else "right", min_width=len(name.split()[-1]))
    for row in rows:
        counts = (row.delivered, row.staged, row.superseded, row.duplicate, row.deleted, row.rejected, row.not_modelled)
        table.add_row(row.source, *(f"{count:,}" for count in counts))
    return table


def _shown(path: Path) -> str:
    """The path as a person would type it from here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
