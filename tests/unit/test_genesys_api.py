"""Genesys Cloud over REST, against a loopback server: windows, jobs, cursors, tokens, crashes, and what is landed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from orchestration.pull.fhir_auth import AccessDeniedError
from orchestration.pull.fhir_http import FhirHttp, FhirServerError
from orchestration.pull.genesys_api import GenesysServer, JobFailedError, pull_conversations
from orchestration.pull.source import Source, pull
from orchestration.settings import Settings
from tests.unit.loopback import served
from tests.unit.test_genesys import ABANDONED, ANSWERED, CALLED_BACK, TRANSFERRED

JOBS = "api/v2/analytics/conversations/details/jobs"


@dataclass
class Organisation:
    """Its conversations, given ``page`` at a time; ``trouble`` are statuses and ``states`` of jobs to answer first."""

    conversations: list[dict[str, Any]] = field(default_factory=list)
    available: str = "2024-03-05T00:00:00.000Z"
    page: int = 2
    trouble: dict[str, list[int]] = field(default_factory=dict)
    states: list[str] = field(default_factory=list)
    windows: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    secret: str = "s3cret"
    url: str = ""

    async def answer(self, request: Request) -> Response:
        """Answer as the platform."""
        path = request.path_params["path"]
        self.asked.append(f"{request.method} {path.removeprefix(JOBS)}")
        if (trouble := self.trouble.get(path)) and (status := trouble.pop(0)):
            return Response(status_code=status)
        given = request.headers.get("Authorization", "")
        if path == "oauth/token":
            return self._token(given)
        if given != f"Bearer {self.tokens[-1]}":
            return Response(status_code=401)
        if path == JOBS:
            self.windows.append((await request.json())["interval"])
            return JSONResponse({"jobId": f"j{len(self.windows)}"}, 202)
        return JSONResponse(self._told(request, path))

    def _token(self, given: str) -> Response:
        if given != f"Basic {base64.b64encode(f'client:{self.secret}'.encode()).decode()}":
            return JSONResponse({"error": "invalid_client"}, 400)
        self.tokens.append(f"token-{len(self.tokens)}")
        return JSONResponse({"access_token": self.tokens[-1], "token_type": "bearer", "expires_in": 86399})

    def _told(self, request: Request, path: str) -> dict[str, Any]:
        if path == f"{JOBS}/availability":
            return {"dataAvailabilityDate": self.available}
        if path.endswith("/results"):
            return self._results(request)
        return {"state": self.states.pop(0) if self.states else "FULFILLED"}

    def _results(self, request: Request) -> dict[str, Any]:
        number = int(request.path_params["path"].split("/")[-2].removeprefix("j"))
        start, end = self.windows[number - 1].split("/")
        active = [c for c in self.conversations if c["conversationStart"] < end and c["conversationEnd"] >= start]
        first = int(request.query_params.get("cursor", "0"))
        found: dict[str, Any] = {"conversations": active[first : first + self.page], "dataAvailabilityDate": end}
        return found | ({"cursor": str(first + self.page)} if first + self.page < len(active) else {})


@pytest.fixture
def organisation() -> Iterator[Organisation]:
    """A running server with four conversations of one day."""
    known = Organisation([ANSWERED, TRANSFERRED, CALLED_BACK, ABANDONED])
    with served(known.answer) as known.url:
        yield known


def declared(organisation: Organisation, folder: Path, **more: Any) -> GenesysServer:
    secret = folder / "secret"
    secret.write_text("s3cret\n")
    credentials = {"client_id": "client", "secret_file": secret, "token_url": f"{organisation.url}/oauth/token"}
    said = {"kind": "genesys_cloud", "feed": "calls_genesys", "url": organisation.url, "start": "2024-03-01"}
    return GenesysServer.model_validate(said | {"credentials": credentials} | more)


def run(organisation: Organisation, folder: Path, **more: Any) -> Any:
    http = FhirHttp(organisation.url, attempts=2, wait=lambda _: None)
    try:
        return pull_conversations(declared(organisation, folder, **more), folder / "state", folder / "feed", http)
    finally:
        http.close()


def delivered(folder: Path) -> list[list[str]]:
    paths = sorted((folder / "feed").glob("conversations.*.json"))
    return [[one["conversationId"] for one in json.loads(path.read_bytes())["conversations"]] for path in paths]


def test_every_page_is_followed_by_its_cursor_and_dated_by_the_server(organisation, tmp_path):
    report = run(organisation, tmp_path)
    assert delivered(tmp_path) == [["answered", "transferred"], ["called back", "NA"]]
    assert (report.files, report.records, report.transaction_time) == (2, 4, organisation.available)
    manifest = json.loads((tmp_path / "feed" / "manifest.json").read_bytes())
    assert manifest["transactionTime"] == organisation.available
    assert len(organisation.tokens) == 1


def test_the_next_pull_begins_where_data_were_complete_and_brings_only_what_was_active(organisation, tmp_path):
    run(organisation, tmp_path)
    organisation.available = "2024-03-20T00:00:00.000Z"
    organisation.conversations.append(ANSWERED | {"conversationEnd": "2024-03-13T08:00:00.000Z"})
    run(organisation, tmp_path)
    day = "2024-03-{:02d}T00:00:00.000Z".format
    spans = [(1, 5), (5, 12), (12, 19), (19, 20)]
    assert organisation.windows == [f"{day(start)}/{day(end)}" for start, end in spans]
    assert delivered(tmp_path) == [["answered", "transferred"], ["called back", "NA"], ["answered"], ["answered"]]
    again = run(organisation, tmp_path)
    assert (again.files, len(organisation.windows)) == (0, 4)


def test_a_killed_pull_goes_on_at_its_page(organisation, tmp_path):
    organisation.trouble = {f"{JOBS}/j1/results": [0, 503, 503]}
    with pytest.raises(FhirServerError, match="503"):
        run(organisation, tmp_path)
    assert delivered(tmp_path) == []
    run(organisation, tmp_path)
    assert delivered(tmp_path) == [["answered", "transferred"], ["called back", "NA"]]
    assert len(organisation.windows) == 1


@pytest.mark.parametrize(
    ("states", "trouble", "error"),
    [
        (["QUEUED", "PENDING", "FAILED"], {}, JobFailedError),
        (["EXPIRED"], {}, JobFailedError),
        ([], {f"{JOBS}/j1/results": [0, 404]}, FhirServerError),
    ],
)
def test_a_job_that_is_lost_is_asked_for_anew(organisation, tmp_path, states, trouble, error):
    organisation.states, organisation.trouble = states, trouble
    with pytest.raises(error):
        run(organisation, tmp_path)
    organisation.page = 4
    run(organisation, tmp_path)
    assert delivered(tmp_path) == [["answered", "transferred", "called back", "NA"]]
    assert organisation.windows[0] == organisation.windows[1]


def test_a_token_that_was_refused_is_renewed_once(organisation, tmp_path):
    organisation.trouble = {f"{JOBS}/j1": [401]}
    run(organisation, tmp_path)
    assert len(organisation.tokens) == 2


def test_a_wrong_secret_is_an_error_that_does_not_show_it(organisation, tmp_path):
    organisation.secret = "other"
    with pytest.raises(AccessDeniedError) as raised:
        run(organisation, tmp_path)
    assert str(raised.value) == "no access token: 400"


def test_pages_from_the_server_are_read_like_exported_files(organisation, settings: Settings, tmp_path):
    folder = settings.delivery_root / "calls_files"
    folder.mkdir()
    (folder / "export.json").write_text(json.dumps({"conversations": organisation.conversations}))
    said = {"name": "calls", "folders": "calls*", "description": "Calls.", "owners": []}
    source = Source.model_validate(said | {"readers": [{"kind": "genesys", "path": "*.json"}]})
    pull(source.model_copy(update={"servers": [declared(organisation, tmp_path)]}), settings)
    landed = sorted(path.name for path in settings.landing.glob("calls/calls_genesys/*/*.json"))
    assert landed[:2] == [f"conversations.20240301T000000000Z.{n:06d}.json" for n in range(2)]
    columns = "* exclude (file_id, line, feed)"
    by_feed = [
        duckdb.sql(f"select {columns} from '{settings.raw}/calls/contact/*.parquet' where feed = '{feed}' order by all")
        for feed in ("calls_genesys", "calls_files")
    ]
    assert by_feed[0].fetchall() == by_feed[1].fetchall() != []
