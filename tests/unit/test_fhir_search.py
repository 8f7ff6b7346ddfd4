"""Searching a server without bulk export: every page once, windows without gaps, included records by their own type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from orchestration.pull.fhir_bulk import ExportFailedError
from orchestration.pull.fhir_http import FhirHttp, FhirServerError
from orchestration.pull.fhir_search import SearchExport, search
from orchestration.pull.source import load_sources, pull
from orchestration.settings import SOURCE_DEFINITIONS, Settings

URL = "https://ehr.example/fhir"
DATE = "Wed, 01 May 2024 10:00:00 GMT"


class Server:
    """Encounters in pages of one, each with its patient; ``trouble`` are statuses to answer first."""

    def __init__(self, *numbers: int) -> None:
        self.numbers, self.trouble, self.asked = numbers, list[int](), list[str]()
        self.instead: Any = None

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer as a FHIR server."""
        self.asked.append(str(request.url))
        if self.trouble and (status := self.trouble.pop(0)):
            return httpx.Response(status)
        if request.url.path.endswith("/metadata"):
            return httpx.Response(200, json={}, headers={"Date": DATE})
        if self.instead is not None:
            return httpx.Response(200, json=self.instead)
        page = int(parse_qs(urlsplit(str(request.url)).query).get("page", ["0"])[0])
        bundle: dict[str, Any] = {"resourceType": "Bundle", "entry": [], "link": []}
        if page < len(self.numbers):
            number = self.numbers[page]
            bundle["entry"] = [
                {"resource": {"resourceType": "Encounter", "id": f"e{number}"}, "search": {"mode": "match"}},
                {"resource": {"resourceType": "Patient", "id": f"p{number}"}, "search": {"mode": "include"}},
            ]
        if page + 1 < len(self.numbers):
            bundle["link"] = [{"relation": "next", "url": f"Encounter?page={page + 1}"}]
        return httpx.Response(200, json=bundle)


def run(server: Server, folder: Path, **declared: Any) -> Any:
    http = FhirHttp(URL, attempts=2, wait=lambda _: None)
    http.client = httpx.Client(transport=httpx.MockTransport(server.answer))
    said = SearchExport(kind="search", feed="ehr", url=URL, types=["Encounter"], **declared)
    return search(said, folder / "state", folder / "ehr", http)


def delivered(folder: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in sorted((folder / "ehr").glob("*.ndjson")):
        ids = [json.loads(line)["id"] for line in path.read_text().splitlines()]
        found.setdefault(path.name.split(".")[0], []).extend(ids)
    return found


def test_every_page_is_read_and_sorted_by_type(tmp_path: Path) -> None:
    server = Server(1, 2, 3)
    report = run(server, tmp_path, includes=["Encounter:subject"])
    assert delivered(tmp_path) == {"Encounter": ["e1", "e2", "e3"], "Patient": ["p1", "p2", "p3"]}
    assert (report.records, report.transaction_time) == (6, "2024-05-01T10:00:00Z")
    assert json.loads((tmp_path / "ehr" / "manifest.json").read_text())["transactionTime"] == "2024-05-01T10:00:00Z"
    assert "_include=Encounter%3Asubject" in server.asked[1]


def test_the_next_window_begins_where_the_last_one_ended(tmp_path: Path) -> None:
    server = Server(1)
    run(server, tmp_path)
    run(server, tmp_path)
    windows = [parse_qs(urlsplit(url).query).get("_lastUpdated") for url in server.asked if "Encounter" in url]
    assert windows == [["lt2024-05-01T10:00:00Z"], ["ge2024-05-01T10:00:00Z", "lt2024-05-01T10:00:00Z"]]


def test_a_broken_search_goes_on_at_its_page(tmp_path: Path) -> None:
    server = Server(1, 2, 3)
    server.trouble = [0, 0, 500, 500]
    with pytest.raises(FhirServerError, match="500"):
        run(server, tmp_path)
    assert delivered(tmp_path) == {}
    run(server, tmp_path)
    assert delivered(tmp_path)["Encounter"] == ["e1", "e2", "e3"]
    assert sum("page=" not in url and "Encounter" in url for url in server.asked) == 1


def test_forgotten_paging_is_asked_for_anew(tmp_path: Path) -> None:
    server = Server(1, 2)
    server.trouble = [0, 0, 410]
    with pytest.raises(FhirServerError, match="410"):
        run(server, tmp_path)
    run(server, tmp_path)
    assert delivered(tmp_path)["Encounter"] == ["e1", "e2"]


OUTCOME = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "timeout", "diagnostics": "Ann"}],
}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({}, "the answer to the search for Encounter is no Bundle"),
        (["Ann"], "the answer to the search for Encounter is no Bundle"),
        (OUTCOME, "the answer to the search for Encounter is no Bundle"),
        (
            {"resourceType": "Bundle", "entry": [{"resource": OUTCOME, "search": {"mode": "outcome"}}]},
            "the server reports error timeout with the search for Encounter",
        ),
        (
            {"resourceType": "Bundle", "link": [{"relation": "next", "url": f"{URL}/Encounter?page=7"}]},
            "the search for Encounter names a page as its own next one",
        ),
    ],
)
def test_an_answer_that_is_no_page_of_a_search_is_a_clear_failure(tmp_path: Path, answer: Any, told: str) -> None:
    server = Server(1)
    server.instead = answer
    with pytest.raises(ExportFailedError, match=f"ehr: {told}"):
        run(server, tmp_path)
    assert delivered(tmp_path) == {}
    server.instead = None
    run(server, tmp_path)
    assert delivered(tmp_path)["Encounter"] == ["e1"]


def test_what_is_declared_otherwise_is_searched_whole(tmp_path: Path) -> None:
    server = Server(1)
    run(server, tmp_path)
    run(server, tmp_path, includes=["Encounter:subject"])
    assert not any("_lastUpdated=ge" in url for url in server.asked)


def test_a_pull_asks_its_servers_first(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(1, 2)
    (ehr,) = (source for source in load_sources(SOURCE_DEFINITIONS) if source.name == "ehr")
    declared = SearchExport(kind="search", feed="ehr", url=URL, types=["Encounter"])
    mocked = httpx.Client(transport=httpx.MockTransport(server.answer))
    monkeypatch.setattr("orchestration.pull.fhir_http.httpx.Client", lambda **_: mocked)
    report = pull(ehr.model_copy(update={"servers": [declared]}), settings)
    assert (report.files_taken, report.files_parsed, report.warnings) == (4, 4, [])
