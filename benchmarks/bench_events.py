"""Speed and memory of reading portal events and call logs to raw Parquet, checked, on generated files.

Run: python -m benchmarks.bench_events [--megabytes 300] [--write]. Figures are CPU seconds of one process a file.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.event_files import KINDS, write_file
from benchmarks.machine import machine, show

RESULTS = Path(__file__).parent / "results" / "events.md"
#: Python reads these record by record: a part of the size tells as much.
PARTS = {"genesys": 10}
_SOURCES = Path(__file__).parents[1] / "orchestration" / "defs" / "sources"


def measure(path: Path, kind: str, folder: Path) -> dict[str, float]:
    """Read ``path`` in this process, warmed up, and return CPU seconds, records and the peak of memory."""
    import duckdb

    from orchestration.lake.landing import LandedFile
    from orchestration.lake.raw import RawBatch
    from orchestration.pull.source import load_sources

    source, _, name = KINDS[kind][0].partition("/")
    (reader,) = (one.reader_of(name) for one in load_sources(_SOURCES) if one.name == source)
    assert reader
    warm = folder / f"warm{path.suffix}"
    write_file(warm, kind, 1)
    found: dict[str, float] = {}
    for file in (warm, path):
        start = time.process_time()
        found["records"] = reader.count(file)
        found["count"] = time.process_time() - start
        out = RawBatch(folder, file.stem)
        start = time.process_time()
        reader.parse([LandedFile("s", "s", file.name, file, file.stem, "", 0, 0, None)], out)
        found["parse"] = time.process_time() - start
    states = duckdb.sql(f"select parse_state, count(*) from '{out.path('records')}' group by all").fetchall()
    assert states == [("parsed", found["records"])], states
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found | {"peak_mb": peak} | _floors(path, reader)


def _floors(path: Path, reader: Any) -> dict[str, float]:
    """Return the CPU seconds of cutting the same bytes into the same cells, unchecked: DuckDB's and orjson's."""
    import orjson

    from orchestration.lake.duck import connect, quote
    from orchestration.pull.cells import json_structure

    if path.suffix != ".ndjson":
        delimiter = "\t" if path.suffix == ".tsv" else ","
        scan = f"read_csv({quote(path)}, all_varchar = true, header = {delimiter == ','}, delim = {quote(delimiter)})"
        return {"duckdb": _scan_seconds(connect(threads=1), scan)}
    start = time.process_time()
    with path.open("rb") as lines:
        for line in lines:
            orjson.loads(line)
    found = {"orjson": time.process_time() - start}
    if hasattr(reader, "typed_table"):
        said = json_structure(reader.typed_table.cell_names)
        columns = ", ".join(f"{quote(name)}: {quote(_duckdb_type(kind))}" for name, kind in said.items())
        options = f"format = 'newline_delimited', records = true, columns = {{{columns}}}"
        found["duckdb"] = _scan_seconds(connect(threads=1), f"read_json({quote(path)}, {options})")
    return found


def _scan_seconds(con: Any, scan: str) -> float:
    start = time.process_time()
    con.execute(f"select count(columns(*)) from {scan}").fetchall()
    return time.process_time() - start


def _duckdb_type(kind: object) -> str:
    if not isinstance(kind, dict):
        return "VARCHAR"
    return "STRUCT(" + ", ".join(f'"{name}" {_duckdb_type(inner)}' for name, inner in kind.items()) + ")"


def report(scratch: Path, megabytes: int) -> str:
    """Measure each kind in a process of its own, so that its peak of memory is its own."""
    rows = []
    for kind, (name, _, _) in KINDS.items():
        path = scratch / f"{kind}{Path(name).suffix}"
        write_file(path, kind, megabytes * 1_000_000 // PARTS.get(kind, 1))
        command = [sys.executable, "-m", "benchmarks.bench_events", "--one", str(path), "--kind", kind]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        size = path.stat().st_size / 1e6
        floors = [f"{found[key]:.2f} ({found['parse'] / found[key]:.1f} x)" if key in found else "" for key in _FLOORS]
        cells = [kind, f"{size:.0f} MB", f"{found['records']:,}", f"{found['parse']:.2f}"]
        cells += [f"{size / found['parse']:.0f}", *floors, f"{found['count']:.2f}", f"{found['peak_mb']:.0f}"]
        rows.append(f"| {' | '.join(cells)} |")
        path.unlink()
    head = [
        "# Portal events and call logs to raw Parquet",
        "",
        machine("duckdb", "pyarrow", "orjson"),
        "",
        "`make bench-events`: generated files, every record read, typed and judged by all rules of its format. Beside "
        "it, the same bytes cut into the same cells by DuckDB in one thread (`read_json`, `read_csv`: no line numbers, "
        "no rules, nothing written) and parsed by `orjson.loads` line by line, and how many times that it takes.",
        "",
        "| kind | file | records | CPU s, parse and write | MB a CPU s | DuckDB, CPU s | orjson, CPU s | CPU s, count "
        "| peak MB of the process |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *rows, ""])


_FLOORS = ("duckdb", "orjson")


def main() -> None:
    """Measure and print, or write the results."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--megabytes", type=int, default=300)
    arguments.add_argument("--write", action="store_true", help="write benchmarks/results/events.md")
    arguments.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    arguments.add_argument("--kind", choices=KINDS, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if given.one:
            print(json.dumps(measure(given.one, given.kind, Path(scratch))))
            return
        text = report(Path(scratch), given.megabytes)
    show(text, RESULTS, given.write)


if __name__ == "__main__":
    main()
