"""What every benchmark says about the machine it ran on, so that figures of two runs can be compared, and its ending.

Belongs here: versions, load, the speed of one core, where a report goes. Does not belong: what is measured.
"""

from __future__ import annotations

import os
import platform
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def machine(*packages: str) -> str:
    """Return date, machine, versions of ``packages``, load and a yardstick, as one paragraph of Markdown."""
    versions = ", ".join(f"{name} {_version(name)}" for name in packages)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} CPUs, Python "
        f"{platform.python_version()}, {versions}; load average {os.getloadavg()[0]:.1f} while measured. "
        f"To compare machines by: a Python loop over ten million squares takes {loop_seconds():.2f} CPU s here."
    )


def loop_seconds() -> float:
    """Return the CPU seconds of a Python loop over ten million squares."""
    start, total = time.process_time(), 0
    for number in range(10_000_000):
        total += number * number
    assert total > 0
    return time.process_time() - start


def show(report: str, results: Path, write: bool) -> None:
    """Print a report, and write it to ``results`` where that was asked for."""
    print(report)
    if write:
        results.parent.mkdir(exist_ok=True)
        results.write_text(report, encoding="utf-8")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
