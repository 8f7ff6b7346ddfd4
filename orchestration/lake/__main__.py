"""`python -m orchestration.lake`: look at what was rejected, and let records through.

Belongs here: the command line of quarantine. Does not belong: the rules themselves.
"""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.table import Table

from orchestration.lake.quarantine import release
from orchestration.lake.warehouse import reading
from orchestration.settings import Settings, get_settings


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.lake")
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("rejects", help="findings of the last night: file, line and rule, never a value")
    listing.add_argument("--limit", type=int, default=50)
    letting = commands.add_parser("release", help="let rejected records through from the next build on")
    letting.add_argument("--file", required=True, help="file_id as `rejects` lists it")
    letting.add_argument("--line", required=True, type=int, nargs="+")
    letting.add_argument("--who", required=True)
    letting.add_argument("--why", required=True)
    chosen = parser.parse_args(arguments)
    settings, console = get_settings(), Console()
    if chosen.command == "rejects":
        return _list(settings, console, chosen.limit)
    try:
        release(settings.landing, chosen.file, chosen.line, chosen.who, chosen.why)
    except ValueError as error:
        console.print(f"[red]{error}[/red]")
        return 2
    console.print(f"Released {len(set(chosen.line))} record(s); the next build counts them.")
    return 0


def _list(settings: Settings, console: Console, limit: int) -> int:
    if not settings.warehouse.exists():
        console.print("Nothing was built yet: `make run` first.")
        return 1
    with reading(settings.warehouse) as con:
        rows = con.execute(
            "select file_id, line, source, file_name, rule, element, severity, is_released "
            "from staging.stg_lake__rejects order by source, file_name, line limit ?",
            [limit],
        ).fetchall()
    table = Table("file_id", "line", "source", "file", "rule", "element", "severity", "released")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
