"""Speed and memory of the journey and adherence models over a large hospital: the project's SQL as dbt compiles it.

Run: python -m benchmarks.bench_journeys [--touchpoints 10] [--people 1] [--fills 20] [--memory 8GB] [--write]
Every model is built in a process of its own, in the order of the project, with two threads; what is made for it
(journey_data.py) is read from Parquet. CPU seconds and peak memory are the process's.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from orchestration.settings import DBT_PROJECT

RESULTS = Path(__file__).parent / "results" / "journeys.md"
MILLION = 1_000_000
#: Millions of touchpoints and fills for which the floors are meant.
ASKED = (10, 20)
JOURNEYS = ("models/journey/", "models/marts/journeys/")
ADHERENCE = ("int_measures__fills", "int_measures__therapy_years", "medication_adherence")
#: The graph of all journeys as one, without those by journey type and quarter that `journey_edges` holds too.
ONE_GRAPH = "journey_edges_of_all"
#: What is asked of the models: name -> its models, the most CPU seconds and memory (MB) at the sizes of ASKED.
FLOORS = {
    "directly-follows graph with medians": (("int_journey__edges", ONE_GRAPH), 10, 2048),
    "the same by journey type, quarter and both": (("int_journey__edges", "journey_edges"), None, None),
    "variants": (("journey_variants",), None, None),
    "sessions: episodes and journeys": (
        ("int_journey__named", "int_journey__members", "int_journey__episodes", "int_journey__runs",
         "int_journey__links", "int_journey__linked", "journey_touchpoints", "journeys"),
        None, None,
    ),
    "as-of join: events without ids to open episodes": (("int_journey__members",), None, None),
    "PDC of the fills": (ADHERENCE, 60, None),
}  # fmt: skip


@dataclass(frozen=True)
class Built:
    """One model as it was built."""

    model: str
    rows: int
    cpu: float
    wall: float
    peak_mb: float


def compiled_models(home: Path) -> dict[str, str]:
    """Compile the project; returns the SQL of the models measured here, in the order in which they build."""
    environment = {**os.environ, "JOURNEYS_HOME": str(home), "DBT_ENV_SECRET_JOURNEYS_HOME": str(home)}
    environment |= {"DBT_TARGET_PATH": str(home / "target"), "DBT_LOG_PATH": str(home / "logs"), "DO_NOT_TRACK": "1"}
    where = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    dbt = [str(Path(sys.executable).with_name("dbt")), "compile", "--quiet", "--select", "resource_type:model", *where]
    subprocess.run(dbt, env=environment, check=True, stdout=subprocess.DEVNULL)
    nodes = json.loads((home / "target" / "manifest.json").read_text())["nodes"]
    wanted = {
        key: node
        for key, node in nodes.items()
        if node["resource_type"] == "model"
        and (node["original_file_path"].startswith(JOURNEYS) or node["name"] in ADHERENCE)
    }
    models = {
        f"{wanted[key]['schema']}.{wanted[key]['name']}": (
            home / "target" / "compiled" / "journeys" / wanted[key]["original_file_path"]
        ).read_text()
        for key in _in_order(wanted)
    }
    return models | {f"marts.{ONE_GRAPH}": f"select * from ({models['marts.journey_edges']}) where scope = 'all'"}


def _in_order(nodes: dict[str, Any]) -> Iterator[str]:
    done: set[str] = set()
    while len(done) < len(nodes):
        for key, node in nodes.items():
            if key not in done and all(parent in done or parent not in nodes for parent in node["depends_on"]["nodes"]):
                done.add(key)
                yield key


def build(home: Path, relation: str, sql: str, memory: str) -> Built:
    """Build one model in this process."""
    import duckdb

    settings: dict[str, str | bool | int | float | list[str]] = {"threads": 2, "memory_limit": memory}
    with duckdb.connect(str(home / "warehouse.duckdb"), config=settings) as warehouse:
        warehouse.execute(f"set file_search_path = '{home}'; set preserve_insertion_order = false")
        warehouse.execute(f"set TimeZone = 'UTC'; set temp_directory = '{home / 'spill'}'")
        warehouse.execute("set max_temp_directory_size = '100GB'")
        start, cpu = time.monotonic(), time.process_time()
        warehouse.execute(f"create or replace table {relation} as ({sql})")
        cpu, wall = time.process_time() - cpu, time.monotonic() - start
        (rows,) = warehouse.execute(f"select count(*) from {relation}").fetchone() or (0,)
    return Built(relation.partition(".")[2], rows, cpu, wall, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def measure(home: Path, given: argparse.Namespace) -> list[Built]:
    """Make the hospital and build every model over it, each in a process of its own."""
    import duckdb

    from benchmarks.journey_data import write_hospital

    (home / "exchange").mkdir()
    models = compiled_models(home)
    files = write_hospital(
        home / "made", DBT_PROJECT / "seeds", int(given.people * MILLION), int(given.touchpoints * MILLION),
        int(given.fills * MILLION),
    )  # fmt: skip
    files.pop("exchange.person_crosswalk").rename(home / "exchange" / "person_crosswalk.parquet")
    with duckdb.connect(str(home / "warehouse.duckdb")) as warehouse:
        for schema in {relation.partition(".")[0] for relation in [*files, *models]}:
            warehouse.execute(f"create schema if not exists {schema}")
        for relation, file in files.items():
            warehouse.execute(f"create view {relation} as select * from read_parquet('{file}')")
    found = []
    for relation, sql in models.items():
        (home / "model.sql").write_text(sql)
        command = [sys.executable, "-m", "benchmarks.bench_journeys", "--one", relation, "--home", str(home)]
        done = subprocess.run([*command, "--memory", given.memory], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{relation} was not built: {done.stderr[-1000:]}")
        found.append(Built(**json.loads(done.stdout)))
        print(found[-1], file=sys.stderr, flush=True)
    return found


def pm4py_seconds(home: Path, events: int) -> float | None:
    """CPU seconds of pm4py's directly-follows graph over some of the events, where pm4py is installed."""
    if find_spec("pm4py") is None:
        return None
    import duckdb
    import pm4py

    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:
        log = warehouse.execute(
            'select journey_id::varchar as "case:concept:name", activity as "concept:name", '
            'ts as "time:timestamp" from journey.int_journey__steps order by journey_id, position limit ?',
            [events],
        ).df()
    start = time.process_time()
    pm4py.discover_performance_dfg(log)
    return time.process_time() - start


def report(found: Sequence[Built], given: argparse.Namespace, beside: float | None) -> str:
    """The figures as a page: what is asked for first, then every model."""
    of = {built.model: built for built in found}
    versions = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "dbt-core", "dbt-duckdb"))
    lines = [
        f"## {given.touchpoints:g} M touchpoints of {given.people:g} M people, {given.fills:g} M fills",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} CPUs, Python "
        f"{platform.python_version()}, {versions}; DuckDB with 2 threads and a memory limit of {given.memory}; load "
        f"average {os.getloadavg()[0]:.1f} at the end.",
        "",
        "| asked | CPU s | wall s | peak MB | floor |",
        "|---|---|---|---|---|",
    ]
    for name, (models, cpu, memory) in FLOORS.items():
        parts = [of[model] for model in models]
        limits = ((cpu, "CPU s"), (memory, "MB")) if (given.touchpoints, given.fills) == ASKED else ()
        floor = " and ".join(f"≤ {limit} {unit}" for limit, unit in limits if limit)
        sums = f"{sum(part.cpu for part in parts):.1f} | {sum(part.wall for part in parts):.1f}"
        lines.append(f"| {name} | {sums} | {max(part.peak_mb for part in parts):,.0f} | {floor or '–'} |")
    total = f"{sum(part.cpu for part in found):.1f} | {sum(part.wall for part in found):.1f}"
    lines.append(f"| everything | {total} | {max(part.peak_mb for part in found):,.0f} | ≤ 24,576 MB |")
    if beside is not None:
        lines += ["", f"pm4py {version('pm4py')}, performance graph of 1 M of these events: {beside:.1f} CPU s."]
    lines += ["", "| model | rows | CPU s | wall s | peak MB |", "|---|---|---|---|---|"]
    lines += [f"| {b.model} | {b.rows:,} | {b.cpu:.1f} | {b.wall:.1f} | {b.peak_mb:,.0f} |" for b in found]
    return "\n".join([*lines, ""])


def main() -> None:
    """Measure and print, or add to the results."""
    arguments = argparse.ArgumentParser(description=__doc__)
    for name, usual in (("touchpoints", 10.0), ("people", 1.0), ("fills", 20.0)):
        arguments.add_argument(f"--{name}", type=float, default=usual, help="millions")
    arguments.add_argument("--memory", default="8GB", help="DuckDB's memory limit")
    arguments.add_argument("--write", action="store_true", help="write benchmarks/results/journeys.md")
    arguments.add_argument("--one", help=argparse.SUPPRESS)
    arguments.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.one:
        built = build(given.home, given.one, (given.home / "model.sql").read_text(), given.memory)
        print(json.dumps(built.__dict__))
        return
    home = Path(tempfile.mkdtemp(prefix="bench_journeys"))
    try:
        text = report(measure(home, given), given, pm4py_seconds(home, MILLION))
    finally:
        shutil.rmtree(home)
    print(text)
    if given.write:
        with RESULTS.open("a", encoding="utf-8") as results:
            results.write("\n" + text)


if __name__ == "__main__":
    main()
