"""Seconds of whole nights through the library functions: the first in a process, later ones, and where they go.

Run: python -m benchmarks.bench_night [--patients 20 500] [--later 3] [--write]. Every size has a process of its own.
The first night also imports dbt and Great Expectations and parses the dbt project; tests run hundreds of later ones.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.machine import machine, show

RESULTS = Path(__file__).parent / "results" / "night.md"
STEPS = ("pull", "build", "resolve", "run_statistics", "run_tests", "check", "publish")


def measure(patients: int, later: int, folder: Path) -> dict[str, Any]:
    """Return wall and CPU seconds of the first night and of later ones, each in a new home, and the steps' medians."""
    start = time.monotonic(), time.process_time()
    from orchestration import night
    from orchestration.lake import warehouse
    from orchestration.sample import generate
    from orchestration.settings import Settings

    imports = time.monotonic() - start[0], time.process_time() - start[1]
    generate(folder / "deliveries", patients=patients, seed=7, start=date(2024, 1, 1), months=18)
    spent: dict[str, float] = defaultdict(float)
    for step in STEPS:
        room = warehouse if hasattr(warehouse, step) else night
        setattr(room, step, _timed(getattr(room, step), step, spent))
    nights = []
    for number in range(later + 1):
        spent.clear()
        start = time.monotonic(), time.process_time()
        done = night.run_night(Settings(home=folder / f"home{number}", deliveries=folder / "deliveries"))
        nights.append({"wall": time.monotonic() - start[0], "cpu": time.process_time() - start[1], **spent})
    nights[0]["wall"] += imports[0]
    nights[0]["cpu"] += imports[1]
    repeated = {key: median(one[key] for one in nights[1:]) for key in nights[1]}
    return {"first": nights[0], "later": repeated, "tests": done.tests_passed, "suites": len(done.verdicts)}


def _timed(step: Callable[..., Any], name: str, spent: dict[str, float]) -> Callable[..., Any]:
    def timed(*arguments: Any, **options: Any) -> Any:
        start = time.monotonic()
        try:
            return step(*arguments, **options)
        finally:
            spent[name] += time.monotonic() - start

    return timed


def report(sizes: list[int], later: int) -> str:
    """Measure every size in a process of its own."""
    rows = []
    for patients in sizes:
        command = [sys.executable, "-m", "benchmarks.bench_night", "--one", str(patients), "--later", str(later)]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found = json.loads(told.splitlines()[-1])
        for kind in ("first", "later"):
            steps = " | ".join(f"{found[kind][step]:.1f}" for step in STEPS)
            rows.append(f"| {patients:,} | {kind} | {found[kind]['wall']:.1f} | {found[kind]['cpu']:.1f} | {steps} |")
    head = [
        "# Whole nights through the library functions",
        "",
        machine("duckdb", "dbt-core", "great-expectations"),
        "",
        f"`make bench-night`: the sample hospital of 18 months, a new home a night; `later` is the median of {later} "
        f"nights in the same process. {found['tests']} data tests and {found['suites']} suites a night. "
        "Steps in wall seconds.",
        "",
        f"| patients | night | wall s | CPU s | {' | '.join(STEPS)} |",
        "|---|---|---|---|" + "---|" * len(STEPS),
    ]
    return "\n".join([*head, *rows, ""])


def main() -> None:
    """Measure and print, or write the results."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--patients", type=int, nargs="+", default=[20, 500])
    arguments.add_argument("--later", type=int, default=3)
    arguments.add_argument("--write", action="store_true", help="write benchmarks/results/night.md")
    arguments.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.one:
        with tempfile.TemporaryDirectory() as scratch:
            print(json.dumps(measure(given.one, given.later, Path(scratch))))
        return
    text = report(given.patients, given.later)
    show(text, RESULTS, given.write)


if __name__ == "__main__":
    main()
