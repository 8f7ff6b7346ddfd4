"""Bulk Data: ask a FHIR server for everything, wait for it, and put it where the pull takes deliveries from.

Belongs here: the export's course (kick-off, waiting, manifest, files, tidying up). Does not belong: patience and
whole files (``fhir_http``), tokens (``fhir_auth``), what is remembered (``fhir_bulk_state``), records (``fhir_files``).
Source: FHIR Bulk Data Access 2.0 and 3.0 (manifest paging).
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode, urljoin

import httpx
from pydantic import BaseModel, ConfigDict, Field

from orchestration.lake.landing import MANIFEST
from orchestration.pull import failures
from orchestration.pull.fhir_auth import SmartAuth, SmartCredentials, granted_scope, scope_warnings
from orchestration.pull.fhir_bulk_state import ExportFile, ExportState, Running, write_json
from orchestration.pull.fhir_http import DENIED, GONE, TRANSIENT, FhirHttp, FhirServerError, retry_after
from orchestration.pull.fhir_manifest import Page, UnreadableManifestError, issues, listed, stated
from orchestration.pull.lines import count_lines

log = logging.getLogger(__name__)

_POLL_SECONDS, _SHORTEST_WAIT = 10.0, 1.0
_RELEASES = ("4.0", "4.3")

#: Answers to "how far is it?" that leave the job as it is: the next run asks again. A 500 says that it failed.
_SAYS_NOTHING_OF_THE_JOB = TRANSIENT - {500} | DENIED


class ExportFailedError(RuntimeError):
    """The export did not give complete data; what was wrong, in clear words. The next run goes on or starts anew."""


class BulkExport(BaseModel):
    """A server to export from, as declared. ``group`` exports that Group, ``level: patient`` all patients.

    ``partial_manifests`` allows the server to list files page by page while it still makes others (Bulk Data Access 3).
    ``when_incomplete``: what a missing file, a wrong count or an error file of the server does.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["bulk"] = "bulk"
    feed: str = Field(pattern="^[a-z0-9_]+$")
    url: str
    level: Literal["system", "patient"] = "system"
    group: str | None = None
    types: list[str] = []
    type_filters: list[str] = []
    incremental: bool = True
    partial_manifests: bool = False
    credentials: SmartCredentials | None = None
    parallel: int = Field(default=4, ge=1, le=32)
    when_incomplete: Literal["fail", "warn"] = "fail"
    try_other_releases: bool = False

    def kick_off_url(self, since: str | None) -> str:
        """The address that starts an export."""
        path = f"Group/{self.group}/" if self.group else "Patient/" if self.level == "patient" else ""
        query = {"_outputFormat": "application/fhir+ndjson"}
        if since and self.incremental:
            query["_since"] = since
        if self.partial_manifests:
            query["allowPartialManifests"] = "true"
        if self.types:
            query["_type"] = ",".join(self.types)
        pairs = [*query.items(), *(("_typeFilter", one) for one in self.type_filters)]
        return f"{self.url.rstrip('/')}/{path}$export?{urlencode(pairs)}"

    @property
    def asked(self) -> str:
        """What is asked for: where it changes, what changed since the last export is not enough."""
        return " ".join([self.kick_off_url(None), self.credentials.scope if self.credentials else ""])


@dataclass
class ExportReport:
    """What an export gave."""

    feed: str
    files: int = 0
    records: int = 0
    transaction_time: str | None = None
    warnings: list[str] = field(default_factory=list)


def export(declared: BulkExport, state_folder: Path, deliveries: Path, http: FhirHttp | None = None) -> ExportReport:
    """Bring a feed up to date: its files and ``manifest.json`` lie in ``deliveries`` afterwards, all or none.

    Raises:
        ExportFailedError: the data is incomplete; every file that could be had is kept for the next run.
        FhirServerError, AccessDeniedError: the server refused.
    """
    own = http or FhirHttp(declared.url)
    try:
        if declared.credentials:
            own.auth = SmartAuth(declared.credentials, declared.url, own.client)
        report = _Export(declared, own, ExportState(state_folder), deliveries).run()
        report.warnings += scope_warnings(own.auth)
        return report
    finally:
        if http is None:
            own.close()


class _Export:
    """One run of one export."""

    def __init__(self, declared: BulkExport, http: FhirHttp, state: ExportState, deliveries: Path) -> None:
        self.declared, self.http, self.state, self.deliveries = declared, http, state, deliveries
        self.report = ExportReport(declared.feed)
        self._unreachable: set[str] = set()

    def run(self) -> ExportReport:
        """Go on with an export, or start one; one that the server forgot is started anew, once."""
        if self.state.running and self.state.running.asked != self.declared.asked:
            log.warning("%s: the interrupted export was one of something else; starting anew", self.declared.feed)
            self.state.drop()
        resumed = self.state.running is not None
        try:
            return self._whole()
        except _ForgottenError:
            if not resumed:
                raise ExportFailedError(f"{self.declared.feed}: the server forgot the export it had begun") from None
            log.warning("%s: the server forgot the interrupted export; starting anew", self.declared.feed)
            self.report = ExportReport(self.declared.feed)
            return self._whole()

    def _whole(self) -> ExportReport:
        running = self.state.running or self._kicked_off()
        while not running.is_listed:
            self._read_page(running)
        if not running.is_delivering:
            self._complete(running)
        self._deliver(running)
        self._tidy_up(running)
        return self.report

    def _complete(self, running: Running) -> None:
        """Download every file; what cannot be had fails or warns, after the rest has been downloaded."""
        missing = self._download(running)
        reported = list(self._server_errors(running))
        problems = [problem.words for problem in missing] + reported
        self.report.warnings += self._silently_absent(running)
        if problems and self.declared.when_incomplete == "fail":
            # Neither links that have expired nor what the server could not export ever come back in the same job.
            if is_lost := bool(reported) or any(problem.is_gone for problem in missing):
                self.state.drop()
            raise ExportFailedError(f"{self.declared.feed}: {failures.listed(problems, is_lost=is_lost)}")
        self.report.warnings += problems
        running.is_whole, running.is_delivering = not problems, True
        self.state.save()

    def _check_release(self) -> None:
        release = self.http.release()
        if release and not release.startswith(_RELEASES) and not self.declared.try_other_releases:
            raise ExportFailedError(f"{self.declared.feed}: the server speaks FHIR {release}; R4 and R4B are read")

    def _kicked_off(self) -> Running:
        self._check_release()
        since = self.state.since(self._asked_and_granted)
        headers = {"Accept": "application/fhir+json", "Prefer": "respond-async"}
        answer = self.http.request("GET", self.declared.kick_off_url(since), headers)
        location = answer.headers.get("Content-Location")
        if answer.status_code != 202 or not location:
            raise ExportFailedError(
                f"{self.declared.feed}: the server did not accept the export as a job ({answer.status_code}, not 202"
                " with a Content-Location); is `url` the base address of a server with Bulk Data?"
            )
        status_url = urljoin(str(answer.request.url), location)
        return self.state.start(Running(status_url=status_url, asked=self.declared.asked, next_page=status_url))

    @property
    def _asked_and_granted(self) -> str:
        return f"{self.declared.asked} {granted_scope(self.http.auth)}"

    def _read_page(self, running: Running) -> None:
        """Wait for the next page of the manifest and note its files."""
        address = running.next_page or running.status_url
        page = self._parsed(self._waited_for(address), address)
        running.transaction_time = running.transaction_time or page.transaction_time
        known = {file.url for file in running.files}
        running.files += [file for file in {file.url: file for file in page.files}.values() if file.url not in known]
        running.pages.append(address)
        if page.next_page in running.pages:
            raise ExportFailedError(f"{self.declared.feed}: the pages of the manifest lead in a circle")
        running.next_page, running.is_listed = page.next_page, page.next_page is None
        self.state.save()

    def _waited_for(self, address: str) -> httpx.Response:
        while True:
            try:
                answer = self.http.request("GET", address, {"Accept": "application/json"})
            except FhirServerError as error:
                if error.status not in _SAYS_NOTHING_OF_THE_JOB:
                    self.state.drop()
                if error.status in GONE:
                    raise _ForgottenError from None
                raise
            if answer.status_code != 202:
                return answer
            log.info("%s: %s", self.declared.feed, answer.headers.get("X-Progress", "export is being prepared")[:100])
            asked = retry_after(answer)
            self.http.wait(max(asked, _SHORTEST_WAIT) if asked is not None else _POLL_SECONDS)

    def _parsed(self, answer: httpx.Response, address: str) -> Page:
        try:
            return listed(answer.json(), address)
        except (UnreadableManifestError, ValueError):
            raise ExportFailedError(f"{self.declared.feed}: the manifest of the export cannot be read") from None

    def _download(self, running: Running) -> list[_Problem]:
        """Download what is missing, several files at once; return what could not be had."""
        numbered = list(enumerate(running.files))
        with ThreadPoolExecutor(self.declared.parallel) as pool:
            problems = list(pool.map(lambda one: self._download_file(running, *one), numbered))
        return [problem for problem in problems if problem]

    def _download_file(self, running: Running, number: int, file: ExportFile) -> _Problem | None:
        target = self._downloaded(number, file)
        if file.url not in running.done or not target.exists():
            origin = urljoin(file.url, "/")
            if origin in self._unreachable:
                return _Problem(f"{file.type} file {number} failed: its server went away")
            try:
                self.http.download(file.url, target, with_token=file.requires_token)
            except Exception as error:
                is_gone = isinstance(error, FhirServerError) and error.status in GONE
                if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
                    self._unreachable.add(origin)
                return _Problem(f"{file.type} file {number} failed: {failures.reason(error)}", is_gone)
            self.state.finished(file.url, count_lines(target))
            log.info("%s: %d of %d files", self.declared.feed, len(running.done), len(running.files))
        lines = running.done[file.url]
        if file.role == "output" and file.count is not None and lines != file.count:
            self.state.unfinished(file.url)
            return _Problem(f"{file.type} file {number} has {lines} records, the manifest says {file.count}")
        return None

    def _server_errors(self, running: Running) -> Iterator[str]:
        """Read the error files: what is fatal or an error makes the data incomplete, the rest is worth a warning."""
        counts: Counter[tuple[str, str]] = Counter()
        for number, file in enumerate(running.files):
            path = self._downloaded(number, file)
            if file.role == "error" and path.exists():
                counts.update(issue for line in path.read_bytes().splitlines() for issue in issues(line))
        for (severity, code), count in sorted(counts.items()):
            told = f"the server reports {count} × {severity} {code}"
            if severity in ("fatal", "error"):
                yield told
            else:
                self.report.warnings.append(told)

    def _silently_absent(self, running: Running) -> list[str]:
        given = {file.type for file in running.files}
        return [
            f"no {name} in the export, though it was asked for" for name in self.declared.types if name not in given
        ]

    def _deliver(self, running: Running) -> None:
        """Move the files to the feed's deliveries, the manifest first: it dates them."""
        self.deliveries.mkdir(parents=True, exist_ok=True)
        manifest = {
            "transactionTime": running.transaction_time,
            "output": [stated(file) for file in running.files if file.role == "output"],
            "deleted": [stated(file) for file in running.files if file.role == "deleted"],
            "error": [stated(file) for file in running.files if file.role == "error"],
        }
        write_json(self.deliveries / MANIFEST, manifest)
        moment = re.sub(r"[^0-9TZ]", "", running.transaction_time or "")
        for number, file in enumerate(running.files):
            path = self._downloaded(number, file)
            if file.role == "error" or file.url not in running.done:
                continue
            self.report.files += 1
            self.report.records += running.done[file.url]
            if path.exists():  # else an interrupted run moved it
                head = "deleted" if file.role == "deleted" else file.type
                path.replace(self.deliveries / f"{head}.{moment}.{number:04d}.ndjson")
        self.report.transaction_time = running.transaction_time

    def _tidy_up(self, running: Running) -> None:
        running.asked = self._asked_and_granted
        self.state.complete(running)
        try:
            self.http.request("DELETE", running.status_url)
        except Exception as error:
            log.info("%s: the server keeps the finished export (%s)", self.declared.feed, type(error).__name__)

    def _downloaded(self, number: int, file: ExportFile) -> Path:
        return self.state.downloads / f"{number:04d}.{file.role}.ndjson"


@dataclass(frozen=True)
class _Problem:
    words: str
    is_gone: bool = False


class _ForgottenError(Exception):
    """The server does not know the export any more."""
