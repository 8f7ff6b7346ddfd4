"""What a bulk export's manifest and its files of errors say.

Belongs here: reading and writing them. Does not belong: what becomes of a file or an error (``fhir_bulk``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urljoin

import orjson
from pydantic import AfterValidator, BaseModel, ValidationError

from orchestration.pull.fhir_bulk_state import ExportFile
from orchestration.pull.fhir_http import is_code

_SEVERITIES = frozenset({"fatal", "error", "warning", "information"})


class UnreadableManifestError(ValueError):
    """A page of a manifest has another shape than the standard's; its message holds nothing of it."""


def _instant(stated: str) -> str:
    if datetime.fromisoformat(stated).tzinfo is None:
        raise ValueError("no time zone")
    return stated


class _Entry(BaseModel):
    url: str
    type: str = "OperationOutcome"
    count: int | None = None


class _Link(BaseModel):
    relation: str
    url: str


class _Manifest(BaseModel):
    transactionTime: Annotated[str, AfterValidator(_instant)] | None = None  # noqa: N815
    requiresAccessToken: bool = True  # noqa: N815
    output: list[_Entry] | None = None
    deleted: list[_Entry] | None = None
    error: list[_Entry] | None = None
    link: list[_Link] | None = None


@dataclass(frozen=True)
class Page:
    """A page of a manifest: when the data were as they are, its files, the address of the page that follows."""

    transaction_time: str | None
    files: list[ExportFile]
    next_page: str | None


def listed(manifest: object, address: str) -> Page:
    """Read a page of the manifest, as parsed from JSON; ``address`` is its own.

    Raises:
        UnreadableManifestError: it is none.
    """
    try:
        said = _Manifest.model_validate(manifest)
    except ValidationError:
        raise UnreadableManifestError("the manifest of the export cannot be read") from None
    files = [
        ExportFile(
            role=role,
            type=_type(entry.type),
            url=urljoin(address, entry.url),
            count=entry.count,
            requires_token=said.requiresAccessToken,
        )
        for role, entries in (("output", said.output), ("deleted", said.deleted), ("error", said.error))
        for entry in entries or []
    ]
    following = next((link.url for link in said.link or [] if link.relation == "next"), None)
    return Page(said.transactionTime, files, urljoin(address, following) if following else None)


def _type(stated: str) -> str:
    """A type becomes part of a file's name: whatever else a server writes there is no type."""
    return stated if re.fullmatch("[A-Za-z]{1,64}", stated) else "unknown"


def stated(file: ExportFile) -> dict[str, Any]:
    """A file as our own manifest names it: the server's address stays out."""
    return {"type": file.type, "count": file.count}


def issues(line: bytes) -> list[tuple[str, str]]:
    """Return severity and code of each issue of an OperationOutcome; never its text, which may hold values."""
    if not line.strip():
        return []
    try:
        return [_issue(issue) for issue in orjson.loads(line)["issue"]]
    except (ValueError, TypeError, KeyError, AttributeError):
        return [("error", "unreadable")]


def _issue(issue: dict[str, Any]) -> tuple[str, str]:
    severity, code = issue.get("severity"), str(issue.get("code"))
    return severity if severity in _SEVERITIES else "error", code if is_code(code) else "unknown"
