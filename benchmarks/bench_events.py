"""Speed and memory of reading portal events and contact records to raw Parquet, checked, on generated files.

Run: python -m benchmarks.bench_events [--megabytes 300] [--write]. Figures are CPU seconds of one process a file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "events.md"
KINDS = ("segment", "amazon_connect")
_START = datetime(2024, 1, 1, tzinfo=UTC)


def write_lines(path: Path, kind: str, size: int) -> None:
    """Write at least ``size`` bytes of good records of one kind."""
    make = _event if kind == "segment" else _contact
    with path.open("w", encoding="utf-8") as out:
        number = 0
        while out.tell() < size:
            out.write("".join(json.dumps(make(number + n)) + "\n" for n in range(1000)))
            number += 1000


def _at(number: int, seconds: int = 0) -> str:
    return f"{_START + timedelta(seconds=number * 7 + seconds):%Y-%m-%dT%H:%M:%S}.000Z"


def _event(number: int) -> dict[str, object]:
    return {
        "messageId": f"m-{number:012d}",
        "type": "track",
        "event": ("Logged In", "Result Viewed", "Bill Viewed", "Message Sent")[number % 4],
        "userId": f"user-{number % 50_000}",
        "anonymousId": f"a-{number % 70_000:08d}",
        "timestamp": _at(number),
        "originalTimestamp": _at(number),
        "sentAt": _at(number, 1),
        "receivedAt": _at(number, 2),
        "properties": {"result_id": f"obs-{number}", "department_id": f"dep-{number % 40}"},
        "context": {
            "timezone": "America/New_York",
            "userAgent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0",
            "page": {"path": "/results", "title": "Results"},
        },
    }


def _contact(number: int) -> dict[str, object]:
    agent = {
        "ARN": f"arn:aws:connect:us-east-1:111122223333:instance/i/agent/{number % 300}",
        "Username": f"agent{number % 300}",
        "ConnectedToAgentTimestamp": _at(number, 60),
        "AgentInteractionDuration": 180,
        "CustomerHoldDuration": 20,
        "NumberOfHolds": 1,
        "AfterContactWorkDuration": 30,
    }
    queue = {
        "ARN": "arn:aws:connect:us-east-1:111122223333:instance/i/queue/q",
        "Name": "Scheduling",
        "EnqueueTimestamp": _at(number, 10),
        "DequeueTimestamp": _at(number, 60),
        "Duration": 50,
    }
    return {
        "ContactId": f"c-{number:012d}",
        "InitialContactId": f"c-{number:012d}",
        "Channel": "VOICE",
        "InitiationMethod": "INBOUND",
        "InitiationTimestamp": _at(number),
        "ConnectedToSystemTimestamp": _at(number),
        "DisconnectTimestamp": _at(number, 260),
        "DisconnectReason": "CUSTOMER_DISCONNECT",
        "LastUpdateTimestamp": _at(number, 300),
        "CustomerEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": f"+1617555{number % 10_000:04d}"},
        "SystemEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": "+18005550100"},
        "Queue": queue,
        "Agent": agent,
        "Attributes": {"reason": "schedule_appointment", "resolved": "true", "department_id": f"dep-{number % 40}"},
    }


def measure(path: Path, kind: str, folder: Path) -> dict[str, float]:
    """Read ``path`` in this process, warmed up, and return CPU seconds, records and the peak of memory."""
    import duckdb
    from pydantic import TypeAdapter

    from orchestration.lake.landing import LandedFile
    from orchestration.lake.raw import RawBatch
    from orchestration.pull.readers import AnyReader

    reader = TypeAdapter(AnyReader).validate_python({"kind": kind})
    warm = folder / "warm.ndjson"
    write_lines(warm, kind, 1)
    found: dict[str, float] = {}
    for name in (warm, path):
        start = time.process_time()
        found["records"] = reader.count(name)
        found["count"] = time.process_time() - start
        out = RawBatch(folder, name.stem)
        start = time.process_time()
        reader.parse([LandedFile("s", "s", name.name, name, name.stem, "", 0, 0, None)], out)
        found["parse"] = time.process_time() - start
    states = duckdb.sql(f"select parse_state, count(*) from '{out.path('records')}' group by all").fetchall()
    assert states == [("parsed", found["records"])], states
    return found | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def report(scratch: Path, megabytes: int) -> str:
    """Measure each kind in a process of its own, so that its peak of memory is its own."""
    rows = []
    for kind in KINDS:
        path = scratch / f"{kind}.ndjson"
        write_lines(path, kind, megabytes * 1_000_000)
        command = [sys.executable, "-m", "benchmarks.bench_events", "--one", str(path), "--kind", kind]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        size = path.stat().st_size / 1e6
        rows.append(
            f"| {kind} | {size:.0f} MB | {found['records']:,} | {found['parse']:.2f} | {size / found['parse']:.0f} "
            f"| {found['count']:.2f} | {found['peak_mb']:.0f} |"
        )
        path.unlink()
    versions = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "pyarrow"))
    head = [
        "# Portal events and contact records to raw Parquet",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} CPUs, Python "
        f"{platform.python_version()}, {versions}; load average {os.getloadavg()[0]:.1f} while measured.",
        "",
        "`make bench-events`: generated JSON lines, every record read, typed and judged by all rules of its format.",
        "",
        "| kind | file | records | CPU s, parse and write | MB a CPU s | CPU s, count | peak MB of the process |",
        "|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *rows, ""])


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
    print(text)
    if given.write:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
