"""The examples in docs/sources.md are real, kinds that fill one table stand side by side, repeated rows are kept."""

from __future__ import annotations

import json
import re
from pathlib import Path

import duckdb
import pytest
import yaml
from pydantic import TypeAdapter

from orchestration.declaration import load_declaration
from orchestration.pull.questions import Question
from orchestration.pull.readers import AnyReader
from orchestration.pull.servers import AnyServer
from orchestration.pull.source import Source, pull
from orchestration.settings import PROJECT_ROOT, Settings
from tests.unit.test_genesys import ABANDONED, TRANSFERRED

PAGE = (PROJECT_ROOT / "docs" / "sources.md").read_text()
LOG, LOG_MODELS, LOG_SQL, SOURCE, READERS, QUESTIONS, SERVERS = re.findall(r"```(?:yaml|sql)\n(.*?)```", PAGE, re.S)


@pytest.mark.parametrize(
    ("block", "name"),
    [(LOG, "defs.yaml"), (LOG_MODELS, "_clinic_log.yml"), (LOG_SQL, "stg_clinic_log__touchpoints.sql")],
)
def test_the_event_log_is_the_one_that_a_night_is_run_with(block: str, name: str):
    assert block == (PROJECT_ROOT / "tests" / "data" / "new_sources" / "clinic_log" / name).read_text()


def test_the_source_loads(tmp_path: Path):
    path = tmp_path / "defs.yaml"
    path.write_text(SOURCE)
    source = load_declaration(path, Source)
    assert (list(source.tables), source.ready.stable_seconds) == (["call"], 60)


def test_the_mistake_is_told_as_the_page_says(tmp_path: Path):
    path = tmp_path / "defs.yaml"
    path.write_text(SOURCE.replace("{from: CASE}", "{fron: CASE}"))
    try:
        load_declaration(path, Source)
    except ValueError as error:
        said = str(error).removeprefix(str(path))
    assert f"phone_log/defs.yaml{said}\n" in PAGE


def test_the_readers_and_questions_load():
    readers = [TypeAdapter(AnyReader).validate_python(one) for one in yaml.safe_load(READERS)]
    assert [reader.kind for reader in readers] == ["genesys", "snowplow"]
    named, changed, *own = [Question.model_validate(one) for one in yaml.safe_load(QUESTIONS)["questions"].values()]
    assert (named.scale_max, named.composite, changed.values["A bit"], len(own)) == (4, "nurse_communication", 2, 2)


def test_the_server_loads():
    (server,) = [TypeAdapter(AnyServer).validate_python(one) for one in yaml.safe_load(SERVERS)["servers"]]
    assert (server.kind, server.feed) == ("genesys_cloud", "call_center_genesys")


def _source(*readers: dict[str, object]) -> Source:
    return Source.model_validate(
        {"name": "calls", "folders": "calls", "description": "Calls.", "owners": [], "readers": list(readers)}
    )


def test_two_vendors_fill_one_table(settings: Settings):
    folder = settings.delivery_root / "calls"
    folder.mkdir()
    contact = {"ContactId": "c1", "Channel": "VOICE", "InitiationMethod": "INBOUND"}
    contact |= {"InitiationTimestamp": "2024-03-04T11:35:00Z", "LastUpdateTimestamp": "2024-03-04T11:40:00Z"}
    (folder / "amazon.ndjson").write_text(json.dumps(contact))
    (folder / "genesys.json").write_text(json.dumps({"conversations": [ABANDONED, TRANSFERRED]}))
    report = pull(
        _source({"kind": "amazon_connect", "path": "*.ndjson"}, {"kind": "genesys", "path": "*.json"}), settings
    )
    assert (report.files_parsed, report.warnings) == (2, [])
    raw = settings.raw / "calls"
    found = duckdb.sql(f"select contact_id from '{raw}/contact/*.parquet' order by all").fetchall()
    assert found == [("NA",), ("c1",), ("transferred",), ("transferred#2",)]
    assert duckdb.sql(f"select count(*), count(distinct record_id) from '{raw}/records/*.parquet'").fetchall() == [
        (3, 3)
    ]


def test_rows_that_repeat_are_numbered_the_same_when_the_log_has_grown(settings: Settings):
    reader = {
        "kind": "table",
        "table": "event",
        "path": "*.csv",
        "record_id": ["case_id", "activity"],
        "repeats": True,
        "columns": {"case_id": {}, "activity": {"required": True}},
    }
    folder = settings.delivery_root / "calls"
    folder.mkdir()
    text = "case_id,activity\nNA,seen\n1,seen\nNA,seen\n"
    for more in ("", "NA,seen\n"):
        (folder / "log.csv").write_text(text + more)
        pull(_source(reader), settings)
    found = duckdb.sql(
        f"select record_id, count(*) from '{settings.raw}/calls/records/*.parquet' group by all order by all"
    ).fetchall()
    assert found == [("1|seen#1", 2), ("NA|seen#1", 2), ("NA|seen#2", 2), ("NA|seen#3", 1)]
