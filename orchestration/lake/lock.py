"""One writer at a time: an operating-system lock on JOURNEYS_HOME, however the writer was started.

Belongs here: the lock. Does not belong: what it protects.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


class HomeIsBusyError(RuntimeError):
    """Another process is writing this JOURNEYS_HOME."""


@contextmanager
def home_lock(home: Path, wait_seconds: float = 0) -> Iterator[None]:
    """Hold JOURNEYS_HOME for writing; re-entrant in one process, released by the system if the process dies.

    Raises:
        HomeIsBusyError: another process holds it for longer than ``wait_seconds``.
    """
    home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home / ".lock", is_singleton=True)
    try:
        lock.acquire(timeout=wait_seconds)
    except Timeout:
        raise HomeIsBusyError(f"another run is writing {home}; wait for it to end, then start again") from None
    try:
        yield
    finally:
        lock.release()
