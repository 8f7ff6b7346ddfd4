"""FHIR NDJSON → validated typed Parquet, beside its floor and the model classes: ``python -m benchmarks.bench_fhir``.

Each approach runs in a process of its own, in turn, several rounds; the table has medians of CPU and wall seconds
(start-up included) and the largest peak memory. Needs JOURNEYS_REFERENCE (folder with data/fhir/large-synthea-r4-615).
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

TYPES = ("Patient", "Encounter", "MedicationRequest", "Observation", "ExplanationOfBenefit")
RESULTS = Path(__file__).parent / "results" / "fhir.md"


def orjson_loads(files: list[Path], out: Path) -> None:
    """The floor: parse every line and forget it."""
    import orjson

    for path in files:
        with path.open("rb") as lines:
            for line in lines:
                orjson.loads(line)


def models_and_pandas(files: list[Path], out: Path) -> None:
    """fhir.resources models, then one data frame and Parquet file a type."""
    import pandas as pd
    from fhir.resources.R4B import get_fhir_model_class

    for path in files:
        model = get_fhir_model_class(path.name.split(".")[0])
        with path.open("rb") as lines:
            rows = [(r.id, getattr(r, "status", None)) for r in map(model.model_validate_json, lines)]
        pd.DataFrame(rows, columns=["id", "status"]).to_parquet(out / f"{path.stem}.parquet")


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
    f.__name__: f for f in (orjson_loads, views_and_rules, views_rules_and_schema, models_and_pandas)
}


def replicated(source: Path, target: Path, megabytes: int) -> Iterator[Path]:
    """Unpack the reference files, repeated with new ids until they have about the wanted size."""
    texts = {t: gzip.decompress((source / f"{t}.ndjson.gz").read_bytes()) for t in TYPES}
    copies = max(1, round(megabytes * 1e6 / sum(map(len, texts.values()))))
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
    with tempfile.TemporaryDirectory(dir=folder) as out:
        started = time.monotonic()
        APPROACHES[approach](files, Path(out))
        wall = time.monotonic() - started
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024]))


def main() -> None:
    """Measure everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=195)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--approaches", nargs="+", choices=APPROACHES, default=list(APPROACHES))
    parser.add_argument("--only", choices=APPROACHES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.only:
        return run_one(args.only, args.folder)
    source = Path(os.environ["JOURNEYS_REFERENCE"]) / "data/fhir/large-synthea-r4-615"
    with tempfile.TemporaryDirectory() as folder:
        size = sum(path.stat().st_size for path in replicated(source, Path(folder), args.megabytes)) / 1e6
        runs = [{a: measure(a, Path(folder)) for a in args.approaches} for _ in range(args.rounds)]
    lines = [f"{size:.0f} MB of NDJSON, medians of {args.rounds} rounds, {os.cpu_count()} processors", ""]
    lines += ["| approach | CPU s | of the floor | wall s | peak MB |", "|---|---|---|---|---|"]
    floor = statistics.median(run[args.approaches[0]][0] for run in runs)
    for approach in args.approaches:
        cpu, wall = (statistics.median(run[approach][n] for run in runs) for n in (0, 1))
        peak = max(run[approach][2] for run in runs)
        lines.append(f"| {approach} | {cpu:.1f} | {cpu / floor:.1f} × | {wall:.1f} | {peak:.0f} |")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
