"""Genesys Cloud over its REST API: conversation details by analytics jobs, page by page, into the feed's deliveries.

Belongs here: the course of a pull, its token and what it remembers. Does not belong: patience (``fhir_http``), reading
conversations (``genesys``): a page is delivered as it came and read like one that somebody exported.

A job gives every conversation that was active in its window, so one that goes on later comes again, newer. Its pages
follow each other by cursor. The server says until when its data are complete; that moment dates the delivery and is
where the next pull begins. Source: Genesys Cloud Platform API v2, analytics/conversations/details/jobs.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Generator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

import httpx
import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from orchestration.lake.landing import MANIFEST
from orchestration.pull.fhir_auth import RENEW_BEFORE, AccessDeniedError
from orchestration.pull.fhir_bulk import ExportReport
from orchestration.pull.fhir_bulk_state import begun_anew, remember, resumed, write_json
from orchestration.pull.fhir_http import GONE, FhirHttp, FhirServerError

log = logging.getLogger(__name__)

_RUNNING = "running.json"
_JOBS = "/api/v2/analytics/conversations/details/jobs"
#: One job's window: far below the server's limit of a month, so that a job that is lost costs little.
_WINDOW = timedelta(days=7)
_POLL_SECONDS = 5.0
_LOST = frozenset({"FAILED", "CANCELLED", "EXPIRED"})


class JobFailedError(RuntimeError):
    """The server gave up a job; the next pull asks for its window again."""


class ClientCredentials(BaseModel):
    """An OAuth client of the organisation. ``secret_file`` holds its secret and nothing else, outside the project."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    client_id: str
    secret_file: Path
    token_url: str = Field(description="As https://login.mypurecloud.com/oauth/token; the region's own.")


class GenesysServer(BaseModel):
    """An organisation to ask, as declared. ``start`` is the first day that is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["genesys_cloud"]
    feed: str = Field(pattern="^[a-z0-9_]+$")
    url: str = Field(description="As https://api.mypurecloud.com; the region's own.")
    start: date
    page_size: int = Field(default=1000, ge=1)
    credentials: ClientCredentials

    @property
    def asked(self) -> str:
        """What is asked for: where it changes, what came since the last pull is not enough."""
        return f"{self.url} {self.start}"


class _Running(BaseModel):
    """A pull under way: the window of the current job, its id, cursor and pages so far; ``until`` ends the pull."""

    since: AwareDatetime
    until: AwareDatetime
    job: str | None = None
    cursor: str | None = None
    pages: int = 0

    @property
    def window_end(self) -> datetime:
        return min(self.since + _WINDOW, self.until)


class _ClientAuth(httpx.Auth):
    """Adds the token; gets a new one before it expires, and once after a refusal."""

    requires_response_body = True

    def __init__(self, credentials: ClientCredentials) -> None:
        self._credentials = credentials
        self._token, self._expires = "", 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if time.time() > self._expires - RENEW_BEFORE:
            self._take((yield self._token_request()))
        request.headers["Authorization"] = f"Bearer {self._token}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._take((yield self._token_request()))
            request.headers["Authorization"] = f"Bearer {self._token}"
            yield request

    def _token_request(self) -> httpx.Request:
        said = self._credentials
        secret = said.secret_file.expanduser().read_text().strip()
        request = httpx.Request("POST", said.token_url, data={"grant_type": "client_credentials"})
        return next(httpx.BasicAuth(said.client_id, secret).auth_flow(request))

    def _take(self, response: httpx.Response) -> None:
        if response.status_code in (408, 429) or response.status_code >= 500:
            response.raise_for_status()
        try:
            answer = response.json()
            self._token, self._expires = str(answer["access_token"]), time.time() + float(answer.get("expires_in", 300))
        except (ValueError, KeyError, TypeError):
            raise AccessDeniedError(f"no access token: {response.status_code}") from None


def pull_conversations(
    declared: GenesysServer, state: Path, deliveries: Path, http: FhirHttp | None = None
) -> ExportReport:
    """Bring a feed up to date: every conversation that was active since the last pull lies in ``deliveries``.

    Raises:
        FhirServerError, JobFailedError, AccessDeniedError: the server refused; pages had are kept for the next run.
    """
    own = http or FhirHttp(declared.url)
    own.auth = _ClientAuth(declared.credentials)
    report = ExportReport(declared.feed)
    try:
        (state / "downloads").mkdir(parents=True, exist_ok=True)
        running = resumed(state, _Running) or _begun(declared, own, state)
        while running.since < running.until:
            _read_window(declared, own, state, running)
            running.since, running.job, running.cursor, running.pages = running.window_end, None, None, 0
            _save(state, running)
            log.info("%s: conversations until %s", declared.feed, _text(running.since))
        _deliver(declared, state, deliveries, running, report)
        return report
    finally:
        if http is None:
            own.close()


def _begun(declared: GenesysServer, http: FhirHttp, state: Path) -> _Running:
    since = begun_anew(state, declared.asked) or f"{declared.start}T00:00:00Z"
    until = http.request("GET", f"{http.base_url}{_JOBS}/availability").json()["dataAvailabilityDate"]
    return _Running.model_validate({"since": since, "until": until})


def _save(state: Path, running: _Running) -> None:
    write_json(state / _RUNNING, running.model_dump(mode="json"))


def _read_window(declared: GenesysServer, http: FhirHttp, state: Path, running: _Running) -> None:
    """Run a window's job and read its pages to the end; each is on disk before the next is asked for."""
    try:
        if running.job is None:
            window = {"interval": f"{_text(running.since)}/{_text(running.window_end)}"}
            running.job = str(http.request("POST", f"{http.base_url}{_JOBS}", content=window).json()["jobId"])
            _save(state, running)
        job = f"{http.base_url}{_JOBS}/{running.job}"
        _wait_for(http, job)
        while running.cursor or running.pages == 0:
            asked = {"pageSize": declared.page_size} | ({"cursor": running.cursor} if running.cursor else {})
            response = http.request("GET", f"{job}/results?{urlencode(asked)}")
            page: dict[str, Any] = response.json()
            if page.get("conversations"):
                _keep(state / "downloads", running, response.content)
            running.cursor, running.pages = page.get("cursor"), running.pages + 1
            _save(state, running)
    except (FhirServerError, JobFailedError) as error:
        if isinstance(error, JobFailedError) or error.status in GONE:
            # The server forgot the job or gave it up: its window is asked for anew.
            running.job, running.cursor, running.pages = None, None, 0
            for path in (state / "downloads").glob(f"{_name(running.since)}.*.json"):
                path.unlink()
            _save(state, running)
        raise


def _wait_for(http: FhirHttp, job: str) -> None:
    while (status := http.request("GET", job).json()["state"]) != "FULFILLED":
        if status in _LOST:
            raise JobFailedError(f"{http.base_url}: the job is {status}")
        http.wait(_POLL_SECONDS)


def _keep(folder: Path, running: _Running, content: bytes) -> None:
    scratch = folder / "page.part"
    scratch.write_bytes(content)
    scratch.replace(folder / f"{_name(running.since)}.{running.pages:06d}.json")


def _deliver(declared: GenesysServer, state: Path, deliveries: Path, running: _Running, report: ExportReport) -> None:
    deliveries.mkdir(parents=True, exist_ok=True)
    until = _text(running.until)
    write_json(deliveries / MANIFEST, {"transactionTime": until, "output": [], "error": []})
    for path in sorted((state / "downloads").glob("*.json")):
        report.records += len(orjson.loads(path.read_bytes())["conversations"])
        report.files += 1
        path.replace(deliveries / path.name)
    report.transaction_time = until
    remember(state, declared.asked, until)
    (state / _RUNNING).unlink(missing_ok=True)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _name(since: datetime) -> str:
    return f"conversations.{re.sub('[^0-9TZ]', '', _text(since))}"
