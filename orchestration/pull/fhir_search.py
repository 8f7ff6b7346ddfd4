"""FHIR search, for servers without bulk export: windows of `_lastUpdated`, page by page, into the feed's deliveries.

Belongs here: the course of a search and what it remembers. Does not belong: patience (``fhir_http``), tokens
(``fhir_auth``), reading records (``fhir_files``). Deletions are not seen by a search: FHIR's history tells them.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode, urljoin

import httpx
import orjson
from pydantic import BaseModel, ConfigDict, Field

from orchestration.lake.landing import MANIFEST
from orchestration.pull.fhir_auth import SmartAuth, SmartCredentials, granted_scope, scope_warnings
from orchestration.pull.fhir_bulk import ExportFailedError, ExportReport
from orchestration.pull.fhir_bulk_state import begun_anew, remember, resumed, write_json
from orchestration.pull.fhir_http import DENIED, TRANSIENT, FhirHttp, FhirServerError
from orchestration.pull.fhir_manifest import issues

log = logging.getLogger(__name__)

_RUNNING = "running.json"


class SearchExport(BaseModel):
    """A server to search, as declared. ``includes`` names references whose records come along (`Encounter:subject`).

    ``incremental: false`` is for servers that do not know `_lastUpdated`: everything is asked for every time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["search"]
    feed: str = Field(pattern="^[a-z0-9_]+$")
    url: str
    types: list[str] = Field(min_length=1)
    includes: list[str] = []
    page_size: int = Field(default=500, ge=1)
    incremental: bool = True
    credentials: SmartCredentials | None = None

    def first_page(self, resource_type: str, since: str | None, until: str) -> str:
        """The address of a type's first page."""
        pairs = [("_count", str(self.page_size))]
        if self.incremental:
            pairs += [("_lastUpdated", f"ge{since}")] if since else []
            pairs += [("_lastUpdated", f"lt{until}")]
        pairs += [("_include", one) for one in self.includes if one.startswith(f"{resource_type}:")]
        return f"{self.url.rstrip('/')}/{resource_type}?{urlencode(pairs)}"

    @property
    def asked(self) -> str:
        """What is asked for: where it changes, what changed since the last search is not enough."""
        scope = self.credentials.scope if self.credentials else ""
        return " ".join([self.url, *self.types, *self.includes, scope])


class _Running(BaseModel):
    """A search under way, of what was ``asked`` for: the next page and the number of pages had, by type.

    No next page where all were had.
    """

    until: str
    asked: str = ""
    next_page: dict[str, str | None]
    pages: dict[str, int] = {}
    records: int = 0


def search(declared: SearchExport, state: Path, deliveries: Path, http: FhirHttp | None = None) -> ExportReport:
    """Bring a feed up to date: what changed since the last search lies in ``deliveries`` afterwards.

    Raises:
        ExportFailedError: an answer is no page of a search, or says that it is not whole.
        FhirServerError, AccessDeniedError: the server refused; pages had are kept for the next run.
    """
    own = http or FhirHttp(declared.url)
    report = ExportReport(declared.feed)
    try:
        if declared.credentials:
            own.auth = SmartAuth(declared.credentials, declared.url, own.client)
        (state / "downloads").mkdir(parents=True, exist_ok=True)
        running = resumed(state, _Running)
        if running is None or running.asked != declared.asked:
            running = _begun(declared, own, state)
        for resource_type in declared.types:
            _read_type(own, state, running, resource_type, report)
        _deliver(state, deliveries, running, report, granted_scope(own.auth))
        report.warnings += scope_warnings(own.auth)
        return report
    finally:
        if http is None:
            own.close()


def _begun(declared: SearchExport, http: FhirHttp, state: Path) -> _Running:
    until = _server_time(http)
    since = begun_anew(state, f"{declared.asked} {granted_scope(http.auth)}")
    pages: dict[str, str | None] = {name: declared.first_page(name, since, until) for name in declared.types}
    running = _Running(until=until, asked=declared.asked, next_page=pages)
    write_json(state / _RUNNING, running.model_dump())
    return running


def _server_time(http: FhirHttp) -> str:
    """The server's own clock: its records are dated by it, not by ours."""
    stated = http.request("GET", f"{http.base_url}/metadata").headers.get("Date")
    moment = parsedate_to_datetime(stated) if stated else datetime.now(UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _read_type(http: FhirHttp, state: Path, running: _Running, resource_type: str, report: ExportReport) -> None:
    """Read a type's pages to the end; each is on disk before the next is asked for."""
    while page := running.next_page.get(resource_type):
        number = running.pages.get(resource_type, 0)
        try:
            bundle = _page(http.request("GET", page, {"Accept": "application/fhir+json"}), resource_type, report)
        except FhirServerError as error:
            if error.status not in TRANSIENT | DENIED:
                # The server forgot its paging; the next run asks anew.
                (state / _RUNNING).unlink(missing_ok=True)
            raise
        running.records += _keep(bundle, state / "downloads", resource_type, number, report)
        following = next((link["url"] for link in bundle.get("link") or [] if link.get("relation") == "next"), None)
        following = urljoin(page, following) if following else None
        if following == page:
            (state / _RUNNING).unlink(missing_ok=True)
            raise ExportFailedError(f"{report.feed}: the search for {resource_type} names a page as its own next one")
        running.next_page[resource_type] = following
        running.pages[resource_type] = number + 1
        write_json(state / _RUNNING, running.model_dump())
        log.info("%s: %s, %d pages", report.feed, resource_type, number + 1)


def _page(answer: httpx.Response, searched: str, report: ExportReport) -> dict[str, Any]:
    """A page of a search; anything else that a server answers in its place would pass for "nothing new"."""
    try:
        bundle = answer.json()
    except ValueError:
        bundle = None
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise ExportFailedError(f"{report.feed}: the answer to the search for {searched} is no Bundle")
    return bundle


def _keep(bundle: dict[str, Any], folder: Path, searched: str, page: int, report: ExportReport) -> int:
    """Write a page's records, a file a type, as they came; return how many."""
    lines: dict[str, list[bytes]] = defaultdict(list)
    for entry in bundle.get("entry") or []:
        resource = entry.get("resource") or {}
        kind = str(resource.get("resourceType"))
        if (entry.get("search") or {}).get("mode") == "outcome" or kind == "OperationOutcome":
            _tell(orjson.dumps(resource), searched, report)
        elif re.fullmatch("[A-Z][A-Za-z]+", kind):
            lines[kind].append(orjson.dumps(resource))
    for kind, records in lines.items():
        scratch = folder / "page.part"
        scratch.write_bytes(b"\n".join(records) + b"\n")
        scratch.replace(folder / f"{kind}.{searched}-{page:06d}.ndjson")
    return sum(map(len, lines.values()))


def _tell(outcome: bytes, searched: str, report: ExportReport) -> None:
    """What the server says beside its records: an error means that they are not all."""
    for severity, code in issues(outcome):
        told = f"the server reports {severity} {code} with the search for {searched}"
        if severity in ("fatal", "error"):
            raise ExportFailedError(f"{report.feed}: {told}")
        report.warnings.append(told)


def _deliver(state: Path, deliveries: Path, running: _Running, report: ExportReport, granted: str) -> None:
    deliveries.mkdir(parents=True, exist_ok=True)
    write_json(deliveries / MANIFEST, {"transactionTime": running.until, "output": [], "error": []})
    moment = re.sub("[^0-9TZ]", "", running.until)
    for path in sorted((state / "downloads").glob("*.ndjson")):
        kind, rest = path.name.split(".", 1)
        path.replace(deliveries / f"{kind}.{moment}.{rest}")
        report.files += 1
    report.records, report.transaction_time = running.records, running.until
    remember(state, f"{running.asked} {granted}", running.until)
    (state / _RUNNING).unlink()
