"""How long the stages of matching take.

Belongs here: the stopwatch. Does not belong: what is done with its seconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Write the wall seconds of the block into ``seconds``, rounded to hundredths."""
    start = time.perf_counter()
    yield
    seconds[stage] = round(time.perf_counter() - start, 2)
