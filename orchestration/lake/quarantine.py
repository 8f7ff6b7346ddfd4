"""Quarantine: rejected records wait in raw until a steward releases them.

Belongs here: listing rejects, writing releases. Does not belong: deciding what is rejected (readers' rules).

Releases lie beside the landing files (``landing/_releases/``), because they outlive raw: raw can be rebuilt, a
steward's decision cannot. A record that could not be read at all (no id) stays rejected whatever is released.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.lake.schemas import LOCATOR, UTC_TIMESTAMP

RELEASES = pa.schema(
    [*LOCATOR, pa.field("who", pa.string()), pa.field("why", pa.string()), pa.field("released_at", UTC_TIMESTAMP)]
)


def releases_folder(landing: Path) -> Path:
    """Return the folder of releases, with the empty table that lets it always be read."""
    folder = landing / "_releases"
    empty = folder / "_empty.parquet"
    if not empty.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(RELEASES.empty_table(), empty)
    return folder


def release(landing: Path, file_id: str, lines: list[int], who: str, why: str) -> None:
    """Release rejected records of one file: from the next build on they count as if no rule had refused them.

    Raises:
        ValueError: no line, no name or no reason was given, or ``file_id`` is not one.
    """
    if not lines or not who.strip() or not why.strip():
        raise ValueError("a release needs at least one line, who released it and why")
    if not re.fullmatch(r"[0-9a-f]{16}", file_id):
        raise ValueError("file_id is the 16-digit id that `rejects` lists")
    now = datetime.now(UTC).replace(tzinfo=None)
    rows = [{"file_id": file_id, "line": n, "who": who, "why": why, "released_at": now} for n in sorted(set(lines))]
    target = releases_folder(landing) / f"{now:%Y%m%dT%H%M%S%f}-{file_id}.parquet"
    scratch = target.with_suffix(".tmp")
    pq.write_table(pa.Table.from_pylist(rows, schema=RELEASES), scratch)
    scratch.replace(target)
