"""Bad input is normal: each bad record ends in rejects with file, line and rule; the rest of its file goes through."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from orchestration.lake.warehouse import reading
from orchestration.night import ChecksFailedError, run_night
from orchestration.settings import Settings

pytestmark = [pytest.mark.nightly, pytest.mark.dbt]


def _copy(sample: Path, target: Path) -> Path:
    """Deliveries of our own to spoil: the files of the sample, writable."""
    shutil.copytree(sample, target)
    return target


def _spoil(path: Path, *lines: bytes) -> list[int]:
    """Append lines to an NDJSON file; return their line numbers."""
    content = path.read_bytes()
    if not content.endswith(b"\n"):
        content += b"\n"
    start = content.count(b"\n") + 1
    path.write_bytes(content + b"\n".join(lines))
    return list(range(start, start + len(lines)))


def test_each_bad_record_is_named_and_the_night_goes_on(sample, tmp_path):
    deliveries = _copy(sample, tmp_path / "deliveries")
    patients = next((deliveries / "ehr").glob("Condition*.ndjson"))
    events = max((deliveries / "portal" / "events").glob("*.ndjson"), key=lambda p: p.stat().st_size)
    ehr_lines = _spoil(
        patients,
        b'{"resourceType":"Condition","id":"cut-off","subject":{"refer',
        b'{"resourceType":"Basic","id":"x","code":{"text":"another type"}}',
        b"not json at all",
        '{"resourceType":"Condition","id":"é"}'.encode("latin-1"),
    )
    portal_lines = _spoil(events, b'{"type":"track","event":"Logged In","messageId":', b"[]")
    settings = Settings(home=tmp_path / "home", deliveries=deliveries)
    night = run_night(settings)
    with reading(settings.warehouse) as con:
        found = con.execute(
            "select file_name, line from staging.stg_lake__rejects where severity = 'reject' "
            "and (source = 'ehr' and file_name = ? or source = 'portal' and file_name = ?)",
            [patients.name, f"events/{events.name}"],
        ).fetchall()
    spoiled = {
        (row["file"], int(row["line"]))
        for row in csv.DictReader((deliveries / "truth" / "spoiled.csv").open())
        if row["file"] in {patients.name, f"events/{events.name}"}
    }
    expected = {(patients.name, n) for n in ehr_lines} | {(f"events/{events.name}", n) for n in portal_lines}
    assert set(found) - spoiled == expected
    rejected = {a.source: a.rejected for a in night.accounts}
    assert rejected["ehr"] >= 4
    assert night.publication.is_new


def test_a_source_that_loses_too_much_stops_the_publication_and_keeps_the_last(sample, tmp_path):
    deliveries = _copy(sample, tmp_path / "deliveries")
    settings = Settings(home=tmp_path / "home", deliveries=deliveries, max_rejected_share=0.05)
    run_night(settings)
    before = (settings.published / "limited" / "current").readlink()
    (deliveries / "portal" / "events" / "broken.ndjson").write_bytes(b"broken\n" * 5_000)
    with pytest.raises(ChecksFailedError, match="rejected"):
        run_night(settings)
    assert (settings.published / "limited" / "current").readlink() == before
