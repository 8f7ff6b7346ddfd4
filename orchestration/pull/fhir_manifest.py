"""What a bulk export's manifest and its files of errors say.

Belongs here: reading and writing them. Does not belong: what becomes of a file or an error (``fhir_bulk``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import orjson

from orchestration.pull.fhir_bulk_state import ExportFile


def files(manifest: dict[str, Any], page: str) -> Iterator[ExportFile]:
    """Yield the files of a page of the manifest; ``page`` is its address."""
    for role in ("output", "deleted", "error"):
        for entry in manifest.get(role) or []:
            if entry.get("url"):
                url, kind = urljoin(page, entry["url"]), str(entry.get("type", "OperationOutcome"))
                yield ExportFile(role=role, type=kind, url=url, count=entry.get("count"))


def stated(file: ExportFile) -> dict[str, Any]:
    """A file as our own manifest names it: the server's address stays out."""
    return {"type": file.type, "count": file.count}


def issues(line: bytes) -> list[tuple[str, str]]:
    """Return severity and code of each issue of an OperationOutcome; never its text, which may hold values."""
    if not line.strip():
        return []
    try:
        found = orjson.loads(line)["issue"]
        return [(str(issue.get("severity", "error")), str(issue.get("code", "unknown"))) for issue in found]
    except (ValueError, TypeError, KeyError, AttributeError):
        return [("error", "unreadable")]
