"""FHIR NDJSON → validated typed Parquet, beside its floor and its peers: ``python -m benchmarks.bench_fhir``.

Each approach runs in a process of its own, in turn, several rounds; the table has medians of CPU and wall seconds
(start-up included) and the largest peak memory. The peers' tables must have the same values as the reader's, cell for
cell. Needs JOURNEYS_REFERENCE (folder with data/fhir/large-synthea-r4-615); polars takes part where it is installed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

# Only what is light: the floor shall not pay for the others' imports.
from benchmarks.fhir_peers import PATHS, TABLES, dicts_and_arrow, models_and_pandas, polars_frames

TYPES = ("Patient", "Encounter", "MedicationRequest", "Observation", "ExplanationOfBenefit")
RESULTS = Path(__file__).parent / "results" / "fhir.md"
#: Where the reader's own tables lie below a run's folder.
OWN = "views_and_rules/.writing-bench"


def orjson_loads(files: list[Path], out: Path) -> None:
    """The floor: parse every line and forget it."""
    import orjson

    for path in files:
        with path.open("rb") as lines:
            for line in lines:
                orjson.loads(line)


def views_and_rules(files: list[Path], out: Path) -> None:
    """This project's reader without the schema."""
    _read(files, out, judge_structure=False)


def views_rules_and_schema(files: list[Path], out: Path) -> None:
    """This project's reader, as the night runs it."""
    _read(files, out, judge_structure=True)


def _read(files: list[Path], out: Path, judge_structure: bool) -> None:
    from orchestration.lake.landing import LandedFile
    from orchestration.lake.raw import RawBatch
    from orchestration.pull.fhir_files import FhirFiles

    landed = [LandedFile("ehr", "ehr", p.name, p, p.name, "", p.stat().st_size, 0, None) for p in files]
    FhirFiles(judge_structure=judge_structure).parse(landed, RawBatch(out, "bench"))


APPROACHES: dict[str, Callable[[list[Path], Path], None]] = {
    f.__name__: f
    for f in (orjson_loads, views_and_rules, views_rules_and_schema, dicts_and_arrow, polars_frames, models_and_pandas)
    if f is not polars_frames or find_spec("polars")
}


def replicated(source: Path, target: Path, megabytes: int) -> Iterator[Path]:
    """Unpack the reference files, repeated with new ids until they have about the wanted size."""
    texts = {t: gzip.decompress((source / f"{t}.ndjson.gz").read_bytes()) for t in TYPES}
    copies = max(1, round(megabytes * 1e6 / sum(map(len, texts.values()))))
    target.mkdir(exist_ok=True)
    for fhir_type, text in texts.items():
        path = target / f"{fhir_type}.ndjson"
        with path.open("wb") as file:
            for copy in range(copies):
                file.write(text.replace(b'","id":"', b'","id":"%d-' % copy) if copy else text)
        yield path


def measure(approach: str, folder: Path) -> tuple[float, float, float]:
    """Run one approach in a process of its own; returns CPU seconds, wall seconds, peak megabytes."""
    command = [sys.executable, "-m", "benchmarks.bench_fhir", "--only", approach, "--folder", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    cpu, wall, peak = json.loads(done.stdout.splitlines()[-1])
    return cpu, wall, peak


def run_one(approach: str, folder: Path) -> None:
    """Run one approach here and print what it used."""
    files = sorted(folder.glob("*.ndjson"))
    started = time.monotonic()
    out = folder / approach
    out.mkdir(exist_ok=True)
    APPROACHES[approach](files, out)
    wall = time.monotonic() - started
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([used.ru_utime + used.ru_stime, wall, _peak_megabytes()]))


def _peak_megabytes() -> float:
    """Of this process alone: ``ru_maxrss`` would begin with what its parent held."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def differences(folder: Path, peer: str) -> int:
    """Return how many rows of the peer's tables are not the reader's, or the other way round."""
    import duckdb

    total = 0
    for fhir_type, table in TABLES.items():
        columns = ", ".join(PATHS[fhir_type])
        own, other = (f"select {columns} from '{p}/{table}.parquet'" for p in (folder / OWN, folder / peer))
        for one, another in ((own, other), (other, own)):
            row = duckdb.sql(f"select count(*) from ({one} except all {another})").fetchall()
            total += row[0][0]
    return total


def table(runs: list[dict[str, tuple[float, float, float]]]) -> Iterator[str]:
    """Yield the lines of the results' table."""
    cpu = {a: statistics.median(run[a][0] for run in runs) for a in runs[0]}
    yield "| approach | CPU s | of orjson.loads | of fhir.resources | wall s | peak MB |"
    yield "|---|---|---|---|---|---|"
    slowest = cpu.get("models_and_pandas")
    for approach, seconds in cpu.items():
        wall = statistics.median(run[approach][1] for run in runs)
        peak = max(run[approach][2] for run in runs)
        share = f"1/{slowest / seconds:.1f}" if slowest else ""
        floor = seconds / cpu["orjson_loads"]
        yield f"| {approach} | {seconds:.1f} | {floor:.1f} × | {share} | {wall:.1f} | {peak:.0f} |"


def machine() -> str:
    """Return what the figures depend on."""
    packages = ("duckdb", "orjson", "pyarrow", "jsonschema-rs", "fhir.resources", "polars")
    versions = ", ".join(f"{p} {version(p)}" for p in packages if find_spec(p.replace("-", "_")))
    return f"{os.cpu_count()} processors, Python {platform.python_version()}, {versions}, {datetime.now(UTC):%Y-%m-%d}"


def main() -> None:
    """Measure everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[195])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--approaches", nargs="+", choices=APPROACHES, default=list(APPROACHES))
    parser.add_argument("--only", choices=APPROACHES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.only:
        return run_one(args.only, args.folder)
    source = Path(os.environ["JOURNEYS_REFERENCE"]) / "data/fhir/large-synthea-r4-615"
    lines = [machine()]
    for megabytes in args.megabytes:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            size = sum(path.stat().st_size for path in replicated(source, folder, megabytes)) / 1e6
            runs = [{a: measure(a, folder) for a in args.approaches} for _ in range(args.rounds)]
            lines += ["", f"{size:.0f} MB of NDJSON, medians of {args.rounds} rounds:", "", *table(runs)]
            if {"views_and_rules", "dicts_and_arrow"} <= set(args.approaches):
                lines += [
                    "",
                    f"Rows that differ from those of dicts_and_arrow: {differences(folder, 'dicts_and_arrow')}",
                ]
    RESULTS.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
