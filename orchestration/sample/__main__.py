"""Command line of the sample hospital: ``python -m orchestration.sample --out DIR``."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from orchestration.sample.generate import SampleReport, generate


def main(arguments: list[str] | None = None) -> SampleReport:
    """Parse the arguments, make the deliveries, show what was made."""
    parser = argparse.ArgumentParser(
        prog="python -m orchestration.sample", description="Make a sample hospital's deliveries."
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to fill")
    parser.add_argument("--patients", type=int, default=500)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--from", dest="start", type=date.fromisoformat, help="first day (default 2024-01-01)")
    parser.add_argument("--months", type=int, default=18)
    parser.add_argument("--ehr", type=Path, help="existing FHIR NDJSON delivery to build the other sources around")
    parser.add_argument("--no-effects", dest="effects", action="store_false", help="switch the planted effects off")
    parser.add_argument("--formats", dest="other_formats", action="store_true", help="write other vendors' formats too")
    options = vars(parser.parse_args(arguments))
    if options["ehr"] and not options["ehr"].is_dir():
        parser.error("--ehr names no folder")
    console = Console()
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("Simulating")
        report = generate(**options, progress=lambda done, total: bar.update(task, completed=done, total=total))
    console.print(_table(report))
    return report


def _table(report: SampleReport) -> Table:
    title = f"{report.patients:,} patients, {report.period.start} to {report.period.last_day}"
    table = Table("source", "records", title=title)
    for source, count in report.records.items():
        table.add_row(source, f"{count:,}")
    table.add_section()
    table.add_row("true identities", f"{report.identities:,}")
    table.add_row("spoiled on purpose", f"{report.spoiled:,}")
    return table


if __name__ == "__main__":
    main()
