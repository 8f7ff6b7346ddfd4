"""Files are taken from local folders and URLs alike, once each, and only when they are complete."""

from __future__ import annotations

import gzip
import os
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import fsspec
import pytest

from orchestration.lake.landing import Landing, LocalFile
from orchestration.pull.deliveries import Readiness, feeds
from orchestration.pull.source import Source, load_sources, pull, unread_folders
from orchestration.settings import PROJECT_ROOT, SOURCE_DEFINITIONS, Settings

NOW = 1_700_000_000.0


def _write(path: Path, text: str = "id\n1\n", age: float = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (NOW - age, NOW - age))


def _names(root: Path, ready: Readiness) -> tuple[list[str], list[str]]:
    (feed,) = feeds("calls*", root, ready, now=NOW)
    return [offer.name for offer in feed.offers], feed.waiting


def test_partial_hidden_and_manifest_files_are_no_deliveries(tmp_path):
    for name in ("a.csv", "2024/b.csv", ".hidden.csv", "c.csv.part", "d.tmp"):
        _write(tmp_path / "calls" / name)
    _write(tmp_path / "calls" / "manifest.json", '{"transactionTime": "2024-06-30T08:00:00-04:00"}')
    (feed,) = feeds("calls*", tmp_path, Readiness())
    assert [offer.name for offer in feed.offers] == ["2024/b.csv", "a.csv"]
    assert feed.waiting == []
    assert feed.delivered_at == datetime(2024, 6, 30, 12)


def test_a_file_that_changed_a_moment_ago_waits(tmp_path):
    _write(tmp_path / "calls" / "old.csv", age=60)
    _write(tmp_path / "calls" / "new.csv", age=59)
    assert _names(tmp_path, Readiness(stable_seconds=60)) == (["old.csv"], ["new.csv"])


def test_a_marker_beside_each_file_says_that_it_is_complete(tmp_path):
    _write(tmp_path / "calls" / "a.csv", age=20)
    _write(tmp_path / "calls" / "a.csv.done", "", age=10)
    _write(tmp_path / "calls" / "b.csv", age=20)
    assert _names(tmp_path, Readiness(done_marker="{name}.done")) == (["a.csv"], ["b.csv"])


def test_a_marker_of_the_folder_counts_for_files_that_are_not_newer(tmp_path):
    _write(tmp_path / "calls" / "monday" / "a.csv", age=20)
    _write(tmp_path / "calls" / "monday" / "_SUCCESS", "", age=10)
    _write(tmp_path / "calls" / "monday" / "late.csv", age=5)
    _write(tmp_path / "calls" / "tuesday" / "a.csv", age=20)
    expected = (["monday/a.csv"], ["monday/late.csv", "tuesday/a.csv"])
    assert _names(tmp_path, Readiness(done_marker="_SUCCESS")) == expected


def _source(folders: str, **more: object) -> Source:
    table = {"kind": "table", "table": "call", "path": "**/*.csv", "record_id": ["id"], "columns": {"id": {}}}
    return Source.model_validate(
        {"name": "calls", "folders": folders, "description": "Calls.", "owners": [], "readers": [table], **more}
    )


@pytest.fixture
def bucket(tmp_path: Path):
    filesystem = fsspec.filesystem("memory")
    yield filesystem
    filesystem.rm("/hospital", recursive=True)


def test_a_url_is_pulled_like_a_folder_each_file_once_and_again_when_it_changes(bucket, settings: Settings):
    source = _source("memory://hospital/calls*")
    bucket.pipe("/hospital/calls_north/2024/a.csv", b"id\n1\n2\n")
    bucket.pipe("/hospital/calls_north/manifest.json", b'{"transactionTime": "2024-06-30T12:00:00Z"}')
    bucket.pipe("/hospital/other/b.csv", b"id\n3\n")
    reports = [pull(source, settings), pull(source, settings)]
    assert [(report.files_taken, report.files_parsed, report.warnings) for report in reports] == [
        (1, 1, []),
        (0, 0, []),
    ]
    bucket.pipe("/hospital/calls_north/2024/a.csv", b"id\n1\n2\n3\n")
    assert pull(source, settings).files_taken == 1
    landed = sorted(Landing(settings.landing, "calls").files(), key=lambda file: file.bytes)
    assert [(file.feed, file.name, file.records_delivered) for file in landed] == [
        ("calls_north", "2024/a.csv", 2),
        ("calls_north", "2024/a.csv", 3),
    ]
    assert landed[0].delivered_at == datetime(2024, 6, 30, 12)


def test_a_file_url_gives_what_the_folder_gives(tmp_path, settings: Settings):
    _write(tmp_path / "drop" / "calls" / "a.csv")
    report = pull(_source(f"file://{tmp_path}/drop/calls*"), settings)
    assert (report.files_taken, report.warnings) == (1, [])


def test_what_is_left_for_next_time_is_said_and_taken_then(settings: Settings):
    _write(settings.delivery_root / "calls" / "a.csv")
    source = _source("calls", ready={"done_marker": "_SUCCESS"})
    report = pull(source, settings)
    assert (report.files_taken, report.warnings) == (0, ["calls/a.csv: not complete yet; left for next time"])
    _write(settings.delivery_root / "calls" / "_SUCCESS", "", age=-1)
    report = pull(source, settings)
    assert (report.files_taken, report.warnings) == (1, [])


class _Unreadable(LocalFile):
    """As the operating system answers a process that may not read a file (root may read all of them)."""

    def open(self) -> BinaryIO:
        raise PermissionError(13, "Permission denied", str(self.path))


def test_a_file_that_cannot_be_read_is_said_and_the_others_are_taken(settings: Settings, monkeypatch):
    _write(settings.delivery_root / "calls" / "closed.csv")
    (settings.delivery_root / "calls" / "gone.csv").symlink_to(settings.delivery_root / "nowhere.csv")
    _write(settings.delivery_root / "calls" / "open.csv", "id\n2\n")
    monkeypatch.setattr(
        "orchestration.pull.deliveries.LocalFile",
        lambda path: _Unreadable(path) if path.name == "closed.csv" else LocalFile(path),
    )
    report = pull(_source("calls"), settings)
    assert (report.files_taken, report.warnings) == (
        1,
        [
            "calls/closed.csv: cannot be read (Permission denied); left for next time",
            "calls/gone.csv: cannot be read (No such file or directory); left for next time",
        ],
    )
    monkeypatch.undo()
    assert pull(_source("calls"), settings).files_taken == 1


@pytest.mark.parametrize("text", ['{"transactionTime": "2024-', "[1]", '{"transactionTime": 7}', "", "é"])
def test_a_folder_waits_for_a_manifest_that_can_be_read(settings: Settings, text: str):
    _write(settings.delivery_root / "calls_north" / "a.csv")
    (settings.delivery_root / "calls_north" / "manifest.json").write_text(text, encoding="latin-1")
    _write(settings.delivery_root / "calls_south" / "a.csv", "id\n2\n")
    report = pull(_source("calls*"), settings)
    assert report.files_taken == 1
    (told,) = report.warnings
    assert told.startswith("calls_north/manifest.json: no JSON object with a time as transactionTime; the whole folder")
    _write(settings.delivery_root / "calls_north" / "manifest.json", '{"transactionTime": "2024-06-30T12:00:00"}')
    assert pull(_source("calls*"), settings).files_taken == 1
    delivered = {file.feed: file.delivered_at for file in Landing(settings.landing, "calls").files()}
    assert delivered == {"calls_north": datetime(2024, 6, 30, 12), "calls_south": None}


@pytest.mark.parametrize("cut", [slice(0, -20), slice(5, None)])
def test_an_x12_file_that_is_no_whole_gzip_waits_and_the_others_are_taken(settings: Settings, cut: slice):
    (billing,) = (source for source in load_sources(SOURCE_DEFINITIONS) if source.name == "billing")
    whole = max((PROJECT_ROOT / "tests" / "data" / "billing" / "input").rglob("*.835"), key=lambda p: p.stat().st_size)
    drop = settings.delivery_root / "billing" / "835"
    drop.mkdir(parents=True)
    (drop / "half.835.gz").write_bytes(gzip.compress(whole.read_bytes())[cut])
    (drop / "whole.835").write_bytes(whole.read_bytes())
    report = pull(billing, settings)
    told = ["billing/835/half.835.gz: is no whole gzip file; left for next time"]
    assert (report.files_taken, report.warnings) == (1, told)
    (drop / "half.835.gz").write_bytes(gzip.compress(whole.read_bytes() + b"\n"))
    report = pull(billing, settings)
    assert (report.files_taken, report.warnings) == (1, [])


def test_what_lies_where_no_source_reads_is_said(settings: Settings):
    for name in ("calls_north/a.csv", "truth/persons.csv", "Calls/a.csv", "loose.csv", ".hidden"):
        _write(settings.delivery_root / name)
    (told,) = unread_folders([_source("calls*")], settings)
    assert told.endswith("deliveries: no source reads Calls, loose.csv; read are the folders calls*")
    for number in range(5):
        _write(settings.delivery_root / f"{number}.csv")
    (told,) = unread_folders([_source("calls*")], settings)
    assert "0.csv, 1.csv, 2.csv, 3.csv, 4.csv and 2 more" in told


def test_a_source_without_deliveries_says_where_they_were_looked_for(settings: Settings):
    (told,) = pull(_source("calls*"), settings).warnings
    assert told == f"calls: nothing delivered in {settings.delivery_root}/calls*/; its tables stay as they are"
