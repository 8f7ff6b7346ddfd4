"""A pull from a server shows its progress in the Dagster run, and warnings once."""

from __future__ import annotations

import dagster as dg
import httpx
import pytest

from orchestration.__main__ import failure_reasons
from orchestration.components.home import Home
from orchestration.components.source import SourceComponent
from orchestration.pull.fhir_search import SearchExport
from orchestration.pull.source import load_sources
from orchestration.settings import SOURCE_DEFINITIONS, Settings
from tests.unit.test_fhir_search import URL, Server


def pulled_from(
    server: Server, settings: Settings, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
) -> dg.ExecuteInProcessResult:
    """Pull the EHR's source from a server in a Dagster run."""
    client, transport = httpx.Client, httpx.MockTransport(server.answer)
    monkeypatch.setattr("orchestration.pull.fhir_http.httpx.Client", lambda **_: client(transport=transport))
    (ehr,) = (source for source in load_sources(SOURCE_DEFINITIONS) if source.name == "ehr")
    declared = SearchExport(kind="search", feed="ehr", url=URL, types=["Encounter"])
    assets = SourceComponent(ehr.model_copy(update={"servers": [declared]}))._assets()
    monkeypatch.setattr(Home, "settings", property(lambda self: settings))
    return dg.materialize([assets], resources={"home": Home()}, instance=instance, raise_on_error=False)


def test_progress_is_in_the_run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = pulled_from(Server(1, 2), settings, monkeypatch, instance)
        said = [entry.user_message for entry in instance.all_logs(result.run_id) if entry.dagster_event is None]
    assert "ehr: Encounter, 2 pages" in said
    assert "ehr: 4 files with 4 records" in said


def test_why_a_feed_failed_is_said_on_the_terminal(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(1)
    server.trouble = [403, 403]
    with dg.DagsterInstance.ephemeral() as instance:
        (reason,) = failure_reasons(pulled_from(server, settings, monkeypatch, instance))
    told = "does the credentials' `scope` cover what is asked for?"
    assert reason == f"raw_ehr: ehr: https://ehr.example/fhir/metadata 403; {told}"
