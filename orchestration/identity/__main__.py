"""Command line of identity: ``python -m orchestration.identity score|...``.

Belongs here: arguments and printing. Does not belong: anything that decides.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from orchestration.identity.config import RulesError
from orchestration.identity.score import read_map, score


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.identity", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    scoring = commands.add_parser("score", help="score matching on a labelled file")
    scoring.add_argument("file", type=Path, nargs="+", help="CSV or Parquet, one or two")
    scoring.add_argument("--truth", required=True, metavar="COLUMN", help="column that names the true person")
    scoring.add_argument("--columns", type=Path, metavar="MAP", help="YAML: how the file's columns are read")
    options = parser.parse_args(arguments)
    try:
        print(json.dumps(score(options.file, options.truth, read_map(options.columns)), indent=2))
    except RulesError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
