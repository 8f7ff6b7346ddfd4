"""The examples in docs/declared-files.md are real: each loads, and the vendors' shapes are read as they are meant."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
import yaml

from orchestration.lake.landing import LandedFile
from orchestration.lake.raw import RawBatch
from orchestration.pull.declared import DeclaredTable
from orchestration.pull.source import load_sources
from orchestration.settings import PROJECT_ROOT, SOURCE_DEFINITIONS

PAGE = (PROJECT_ROOT / "docs" / "declared-files.md").read_text()
EXAMPLES = {
    example.path: example
    for example in (
        DeclaredTable.model_validate(yaml.safe_load(block)) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
    )
}

DELIVERIES = {
    "five9/**/*.csv": (
        "five9/log.csv",
        "CALL ID,TIMESTAMP,CALL TYPE,SKILL,AGENT,ANI,DISPOSITION,QUEUE WAIT TIME,TALK TIME,ABANDONED\n"
        '300001,"Mon, 04 Mar 2024 11:15:00",Inbound,Nurse,ann,6175550101,Resolved,00:01:05,00:03:20,0\n',
        (datetime(2024, 3, 4, 16, 15), "INBOUND", 65.0, 200.0),
        "initiated_at, initiation_method, queue_seconds, talk_seconds",
    ),
    "cxone/**/*.json": (
        "cxone/contacts.json",
        '[{"contactId": 7, "contactStart": "2024-03-04T16:15:00.000Z", "lastUpdateTime": "2024-03-04T16:20:00.000Z", '
        '"mediaTypeName": "Call", "isOutbound": false, "inQueueSeconds": 65.5, "agentSeconds": 0}]',
        (datetime(2024, 3, 4, 16, 15), "INBOUND", 65.5, 0.0),
        "initiated_at, initiation_method, queue_seconds, talk_seconds",
    ),
    "twilio/**/*.ndjson": (
        "twilio/calls.ndjson",
        '{"sid": "CA1", "start_time": "Mon, 04 Mar 2024 16:15:00 +0000", "direction": "inbound", "duration": "65", '
        '"date_updated": "Mon, 04 Mar 2024 16:16:05 +0000"}\n',
        (datetime(2024, 3, 4, 16, 15), "INBOUND", 65.0),
        "initiated_at, initiation_method, talk_seconds",
    ),
    "extracts/access*.tsv": (
        "extracts/access.tsv",
        "ACCESS_LOG_ID\tACTION_NAME\tMYPT_ID\tACCESS_DTTM\tUPDATE_UTC_DTTM\n"
        "9\tLogin\t1\t8/9/2018 9:29:00 AM\t8/9/2018 2:30:00 PM\n",
        (datetime(2018, 8, 9, 13, 29), datetime(2018, 8, 9, 14, 30), "Logged In"),
        "happened_at, received_at, event",
    ),
    "extracts/messages*.tsv": (
        "extracts/messages.tsv",
        "MESSAGE_ID\tTHREAD_ID\tTOFROM_PAT\tMYPT_ID\tCREATED_DTTM\n9\tt1\tTo Patient\t1\t8/9/2018 9:29:00 AM\n",
        (datetime(2018, 8, 9, 13, 29), None, "Reply Sent"),
        "happened_at, received_at, event",
    ),
    "calls/**/*.csv": (
        "calls/2024/03.csv",
        "Call ID;leg;Start;Updated (UTC);Queue ms;Talk;Wrap-up s;Disposition;Resolved;score;amount\n"
        "NA;1;03/04/2024 08:15:00 AM;2024-03-04 13:20:00;1500;2:05;30;XFR;?;5;1.50\n",
        (datetime(2024, 3, 4, 13, 15), 1.5, 125.0, "transferred", None, "switchboard"),
        "started_at, wait_seconds, talk_seconds, outcome, is_resolved, system",
    ),
}


@pytest.mark.parametrize("shape", DELIVERIES)
def test_a_documented_declaration_reads_its_shape(tmp_path: Path, shape: str) -> None:
    name, content, expected, columns = DELIVERIES[shape]
    reader = EXAMPLES[shape]
    path = tmp_path / Path(name).name
    path.write_text(content)
    out = RawBatch(tmp_path / "raw", "b1")
    assert reader.accepts(name)
    assert reader.count(path) == 1
    reader.parse([LandedFile("calls", "calls", name, path, "f1", "", 0, 0, None)], out)
    assert not out.path("rejects").exists()
    assert duckdb.sql(f"select {columns} from '{out.path(reader.table)}'").fetchall() == [expected]


def test_the_vendors_shapes_are_those_of_the_sources() -> None:
    for name, count in (("call_center", 3), ("portal", 2)):
        (source,) = (source for source in load_sources(SOURCE_DEFINITIONS) if source.name == name)
        declared = [reader for reader in source.readers if isinstance(reader, DeclaredTable)]
        assert [EXAMPLES[reader.path] for reader in declared] == declared
        assert len(declared) == count
