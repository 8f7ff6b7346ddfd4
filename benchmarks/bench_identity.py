"""Speed, memory and scores of identity matching on simulated people: training, nights, and a few new among many.

Run: python -m benchmarks.bench_identity [--records 10000 100000 1000000] [--write]. A process of its own a size, so
that its peak of memory is its own. The second night is the one of record: the state of the first stands.
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

import duckdb

from benchmarks.machine import machine, show
from benchmarks.people import write_identities

RESULTS = Path(__file__).parent / "results" / "identity.md"
RECORDS_A_PERSON = 3.58
NEW = 5_000
HEAD = """\
# Identity matching

{measured}

`make bench-identity`: simulated people (`benchmarks/people.py`), one process a size. A night is everything from
`identity_records` to the crosswalk and the next state. `new` are identities placed among those of the night by `place`.
Wall seconds grow with other load, CPU seconds hardly do. The peak is of the whole process, training and two nights
included.

| records | night s | night CPU s | train s | train CPU s | new | place s | place CPU s | peak MB | precision | recall |
|---|---|---|---|---|---|---|---|---|---|---|"""
STAGE_HEAD = """\
Wall seconds of the night's stages:

| records | records | rules | model | clusters | ids | outputs |
|---|---|---|---|---|---|---|"""
STAGES = ("records", "rules", "model", "clusters", "ids", "outputs")


def measure(records: int, folder: Path) -> dict[str, Any]:
    """Return seconds, memory and scores of ``records`` records in this process."""
    from orchestration.identity import advance, place, resolve, train

    new = min(NEW, records // 20)
    everything, tonight, late = folder / "all.parquet", folder / "identity_records.parquet", folder / "late.parquet"
    write_identities(everything, int(records / RECORDS_A_PERSON), seed=9)
    with duckdb.connect() as con:
        con.execute(f"create table everything as select * from '{everything}' order by hash(source_record_id)")
        con.execute(f"copy (select * from everything offset {new}) to '{tonight}'")
        con.execute(f"copy (select * from everything limit {new}) to '{late}'")
        truth = folder / "truth.csv"
        con.execute(
            "copy (select source_system, source_record_id, truth as true_person from everything) "
            f"to '{truth}' (header true)"
        )
    found: dict[str, Any] = {"new": new}
    clock = _clock()
    train(tonight, folder / "identity")
    found["train"] = _since(clock)
    for _ in range(2):
        clock = _clock()
        report = resolve(tonight, folder / "exchange", folder / "identity", truth=truth)
        found["night"] = _since(clock)
        advance(folder / "exchange", folder / "identity")
    clock = _clock()
    placement = place(late, folder / "exchange", folder / "identity", folder / "placed.parquet")
    found |= {"place": _since(clock), "placed": placement.placed, "compared": placement.compared_records}
    metrics = duckdb.sql(f"select metric, value from '{folder}/exchange/identity_run_metrics.parquet'").fetchall()
    found |= {name: value for name, value in metrics if name.startswith("pair_")}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found | {"records": report.identities, "seconds": report.seconds, "peak_mb": peak}


def _clock() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _since(start: tuple[float, float]) -> tuple[float, float]:
    """Return wall and CPU seconds since a clock was read."""
    return time.perf_counter() - start[0], time.process_time() - start[1]


def report(sizes: list[int]) -> str:
    """Measure each size in its own process and return the page."""
    rows, stages = [], []
    for size in sizes:
        with tempfile.TemporaryDirectory() as scratch:
            command = [sys.executable, "-m", "benchmarks.bench_identity", "--one", str(size), "--folder", scratch]
            found = json.loads(
                subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
            )
        wall, cpu = found["night"]
        rows.append(
            f"| {found['records']:,} | {wall:.1f} | {cpu:.1f} | {found['train'][0]:.1f} | {found['train'][1]:.1f} "
            f"| {found['new']:,} | {found['place'][0]:.1f} | {found['place'][1]:.1f} | {found['peak_mb']:.0f} "
            f"| {found['pair_precision']:.4f} | {found['pair_recall']:.3f} |"
        )
        stages.append(f"| {found['records']:,} | " + " | ".join(f"{found['seconds'][s]:.1f}" for s in STAGES) + " |")
    measured = machine("duckdb", "splink", "scipy")
    return "\n".join([HEAD.format(measured=measured), *rows, "", STAGE_HEAD, *stages, ""])


def main() -> None:
    """Measure and print, or write the results."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--records", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    arguments.add_argument("--write", action="store_true", help="write benchmarks/results/identity.md")
    arguments.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.one:
        print(json.dumps(measure(given.one, given.folder)))
        return
    text = report(given.records)
    show(text, RESULTS, given.write)


if __name__ == "__main__":
    main()
