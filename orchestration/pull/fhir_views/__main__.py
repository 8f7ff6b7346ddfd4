"""Run one ViewDefinition over NDJSON: ``python -m orchestration.pull.fhir_views run --view V --input X --output Y``.

Belongs here: arguments, reading and writing of files. Does not belong: rejects and raw tables (``pull.fhir_files``).
Exit status: 0 done, 1 the data does not fit the view, 2 the view is not valid or a file is missing.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import duckdb

from orchestration.lake.duck import connect, quote
from orchestration.lake.landing import LandedFile
from orchestration.pull.fhir_views import CompiledView, InvalidViewError, compile_view, load_view
from orchestration.pull.lines import line_reader

_FORMATS = {
    "parquet": "format parquet, compression zstd",
    "csv": "format csv, header",
    "ndjson": "format json",
}
_SUFFIXES = {".parquet": "parquet", ".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson"}


def run(view: CompiledView, inputs: Sequence[Path], output: Path, output_format: str) -> int:
    """Write the view's rows over NDJSON files (plain or .gz) to ``output`` and return their number.

    Lines that are no JSON, and resources of other types, give no row. Raises duckdb.Error where the data breaks the
    view (several values in a column that is no collection).
    """
    files = [LandedFile("", "", p.name, p, p.name, "", 0, 0, None) for p in inputs]
    with connect() as con:
        for statement in view.dialect.prelude:
            con.execute(statement)
        con.register("documents", line_reader(files))
        query = view.query("documents", "case when fault is null then text end", "resource")
        con.execute(f"copy ({query}) to {quote(output)} ({_FORMATS[output_format]})")
        counted = con.execute(f"select count(*) from {_reading(output, output_format)}").fetchone()
    return int(counted[0]) if counted else 0


def _reading(path: Path, output_format: str) -> str:
    if output_format == "parquet":
        return f"read_parquet({quote(path)})"
    if output_format == "csv":
        return f"read_csv({quote(path)}, header = true, all_varchar = true)"
    return f"read_ndjson_objects({quote(path)})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    args = _arguments().parse_args(arguments)
    by_name = "ndjson" if args.output == "-" else _SUFFIXES.get(Path(args.output).suffix, "parquet")
    output_format = args.format or by_name
    try:
        view = compile_view(load_view(args.view))
        missing = [str(path) for path in args.input if not path.is_file()]
        if missing:
            raise FileNotFoundError(f"no such file: {', '.join(missing)}")
    except (InvalidViewError, OSError) as error:
        print(f"invalid: {error}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / f"rows.{output_format}"
        try:
            rows = run(view, args.input, written, output_format)
        except duckdb.InvalidInputException:
            # The engine's message would show the record.
            print("the data does not fit the view: a path gives several values where one is expected", file=sys.stderr)
            return 1
        if args.output == "-":
            with written.open("rb") as produced:
                shutil.copyfileobj(produced, sys.stdout.buffer)
        else:
            shutil.move(written, args.output)
            print(f"{rows} rows written to {args.output}", file=sys.stderr)
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m orchestration.pull.fhir_views", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("run", help="flatten NDJSON by a SQL-on-FHIR v2 ViewDefinition")
    runs.add_argument("--view", type=Path, required=True, help="ViewDefinition as JSON")
    runs.add_argument("--input", type=Path, required=True, nargs="+", help="NDJSON files, plain or .gz")
    runs.add_argument("--output", required=True, help="file to write, or - for standard output")
    runs.add_argument("--format", choices=sorted(_FORMATS), help="default: by the output's name")
    return parser


if __name__ == "__main__":
    sys.exit(main())
