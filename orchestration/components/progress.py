"""What long steps say while they work, shown in the Dagster run.

Belongs here: passing log messages on. Does not belong: what is said.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

#: The project's loggers; those of libraries stay quiet.
_OURS = "orchestration"


class _PassOn(logging.Handler):
    """Progress only: warnings are part of a step's report, which says them once."""

    def __init__(self, log: logging.Logger) -> None:
        super().__init__(logging.INFO)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno == logging.INFO:
            self._log.info(record.getMessage())


@contextmanager
def progress_shown(log: logging.Logger) -> Iterator[None]:
    """Show in ``log`` (a run's) what our own modules say until the block ends."""
    ours, handler = logging.getLogger(_OURS), _PassOn(log)
    before = ours.level
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    try:
        yield
    finally:
        ours.setLevel(before)
        ours.removeHandler(handler)
