"""Command line of statistics: ask the cases of the last night again, with declarations of one's own.

``python -m orchestration.statistics --declarations mine.yaml --out answers/`` reads what dbt exported and writes the
tables to a folder of one's own: nothing of the night is touched.

Belongs here: arguments and printing. Does not belong: anything that is computed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from orchestration.declaration import DeclarationError
from orchestration.settings import get_settings
from orchestration.statistics.declarations import DECLARATIONS_FILE, load_declarations
from orchestration.statistics.run import run_statistics


def main(arguments: list[str] | None = None) -> int:
    """Run the declared statistics; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.statistics", description="Ask the cases again.")
    parser.add_argument("--declarations", type=Path, default=DECLARATIONS_FILE, metavar="YAML", help="what is asked")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the answers (Parquet)")
    options = parser.parse_args(arguments)
    exchange = get_settings().exchange
    if not (exchange / "int_statistics__visits.parquet").exists():
        print("no cases yet: run a night first", file=sys.stderr)
        return 2
    try:
        declared = load_declarations(options.declarations, exchange)
    except DeclarationError as error:
        print(error, file=sys.stderr)
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    report = run_statistics(exchange, declared, out=options.out)
    for table, rows in report.rows.items():
        print(f"{table}: {rows} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
