"""A pull from a server shows its progress in the Dagster run, and warnings once."""

from __future__ import annotations

import dagster as dg
import httpx
import pytest

from orchestration.components.home import Home
from orchestration.components.source import SourceComponent
from orchestration.pull.fhir_search import SearchExport
from orchestration.pull.source import load_sources
from orchestration.settings import SOURCE_DEFINITIONS, Settings
from tests.unit.test_fhir_search import URL, Server


def test_progress_is_in_the_run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    mocked = httpx.Client(transport=httpx.MockTransport(Server(1, 2).answer))
    monkeypatch.setattr("orchestration.pull.fhir_http.httpx.Client", lambda **_: mocked)
    (ehr,) = (source for source in load_sources(SOURCE_DEFINITIONS) if source.name == "ehr")
    server = SearchExport(kind="search", feed="ehr", url=URL, types=["Encounter"])
    assets = SourceComponent(ehr.model_copy(update={"servers": [server]}))._assets()
    monkeypatch.setattr(Home, "settings", property(lambda self: settings))
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([assets], resources={"home": Home()}, instance=instance)
        said = [entry.user_message for entry in instance.all_logs(result.run_id) if entry.dagster_event is None]
    assert "ehr: Encounter, 2 pages" in said
    assert "ehr: 4 files with 4 records" in said
