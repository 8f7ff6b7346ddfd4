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
from orchestration.settings import PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs" / "declared-files.md").read_text()
EXAMPLES = {
    example.table: example
    for example in (
        DeclaredTable.model_validate(yaml.safe_load(block)) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
    )
}

DELIVERIES = {
    "five9_call": (
        "five9/log.csv",
        "CALL ID,TIMESTAMP,SKILL,AGENT,ANI,DISPOSITION,QUEUE WAIT TIME,TALK TIME,ABANDONED\n"
        '300001,"Mon, 04 Mar 2024 08:15:00",Nurse,ann,6175550101,Resolved,00:01:05,00:03:20,0\n',
        (datetime(2024, 3, 4, 16, 15), 65.0, False),
        "started_at, queue_wait_seconds, is_abandoned",
    ),
    "cxone_contact": (
        "cxone/contacts.json",
        '[{"contactId": 7, "contactStart": "2024-03-04T16:15:00.000Z", "inQueueSeconds": 65.5, "abandoned": true}]',
        (datetime(2024, 3, 4, 16, 15), 65.5, True),
        "started_at, queue_wait_seconds, is_abandoned",
    ),
    "twilio_call": (
        "twilio/calls.ndjson",
        '{"sid": "CA1", "start_time": "Mon, 04 Mar 2024 16:15:00 +0000", "direction": "inbound", "duration": "65"}\n',
        (datetime(2024, 3, 4, 16, 15), 65.0, "inbound"),
        "started_at, duration_seconds, direction",
    ),
    "portal_access": (
        "extracts/access.tsv",
        "ACCESS_LOG_ID\tMYPT_ID\tACCESS_DTTM\tUPDATE_UTC_DTTM\n9\t1\t8/9/2018 9:29:00 AM\t8/9/2018 2:30:00 PM\n",
        (datetime(2018, 8, 9, 14, 29), datetime(2018, 8, 9, 14, 30)),
        "opened_at, recorded_at",
    ),
    "call": (
        "calls/2024/03.csv",
        "Call ID;leg;Start;Updated (UTC);Queue ms;Talk;Wrap-up s;Disposition;Resolved;score;amount\n"
        "NA;1;03/04/2024 08:15:00 AM;2024-03-04 13:20:00;1500;2:05;30;XFR;?;5;1.50\n",
        (datetime(2024, 3, 4, 13, 15), 1.5, 125.0, "transferred", None, "switchboard"),
        "started_at, wait_seconds, talk_seconds, outcome, is_resolved, system",
    ),
}


@pytest.mark.parametrize("table", DELIVERIES)
def test_a_documented_declaration_reads_its_shape(tmp_path: Path, table: str) -> None:
    name, content, expected, columns = DELIVERIES[table]
    reader = EXAMPLES[table]
    path = tmp_path / Path(name).name
    path.write_text(content)
    out = RawBatch(tmp_path / "raw", "b1")
    assert reader.accepts(name)
    assert reader.count(path) == 1
    reader.parse([LandedFile("calls", "calls", name, path, "f1", "", 0, 0, None)], out)
    assert duckdb.sql(f"select rule, element from '{out.path('rejects')}'").fetchall() == []
    assert duckdb.sql(f"select {columns} from '{out.path(table)}'").fetchall() == [expected]
