"""Landing takes each content once; raw shows a batch whole or not at all; one writer at a time."""

from __future__ import annotations

import multiprocessing
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestration.lake import raw
from orchestration.lake.duck import connect
from orchestration.lake.landing import LandedFile, Landing, LocalFile
from orchestration.lake.lock import HomeIsBusyError, home_lock
from orchestration.lake.quarantine import release, releases_folder
from orchestration.lake.raw import TableWriter
from orchestration.lake.schemas import FILES, LOCATOR, RECORDS

TABLE = pa.schema([*LOCATOR, pa.field("feed", pa.string()), pa.field("answer", pa.int64())])


def _lines(path: Path) -> int:
    return len(path.read_bytes().splitlines())


def _deliver(tmp_path: Path, text: str, name: str = "a.csv") -> Path:
    path = tmp_path / "drop" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_a_file_lands_once_by_content_and_again_when_it_changes(tmp_path):
    landing = Landing(tmp_path / "landing", "portal")
    told_at = datetime(2024, 6, 30, 12)
    first = landing.take(LocalFile(_deliver(tmp_path, "1\n2\n")), "portal", "a.csv", told_at, _lines)
    again = landing.take(LocalFile(_deliver(tmp_path, "1\n2\n", "copy.csv")), "portal", "copy.csv", None, _lines)
    changed = landing.take(LocalFile(_deliver(tmp_path, "1\n2\n3\n")), "portal", "a.csv", None, _lines)
    landing.remember()
    assert isinstance(first, LandedFile)
    assert again is None
    assert isinstance(changed, LandedFile)
    assert (first.records_delivered, changed.records_delivered) == (2, 3)
    assert first.path.read_text() == "1\n2\n"
    assert sorted(Landing(tmp_path / "landing", "portal").files(), key=lambda f: f.bytes) == [first, changed]


def test_equal_content_of_two_feeds_lands_for_both(tmp_path):
    landing = Landing(tmp_path / "landing", "ehr")
    delivered = _deliver(tmp_path, "1\n")
    north = landing.take(LocalFile(delivered), "ehr_north", "a.csv", None, _lines)
    south = landing.take(LocalFile(delivered), "ehr_south", "a.csv", None, _lines)
    assert north is not None
    assert south is not None
    assert north.file_id != south.file_id


def test_an_unchanged_file_is_not_read_again(tmp_path):
    delivered = _deliver(tmp_path, "1\n")
    landing = Landing(tmp_path / "landing", "portal")
    landing.take(LocalFile(delivered), "portal", "a.csv", None, _lines)
    landing.remember()
    delivered.chmod(0)

    def unread(_: Path) -> int:
        raise AssertionError("read again")

    assert Landing(tmp_path / "landing", "portal").take(LocalFile(delivered), "portal", "a.csv", None, unread) is None


def test_copies_that_a_killed_run_left_are_no_deliveries_and_do_not_stay(tmp_path):
    def killed(_: Path) -> int:
        raise KeyboardInterrupt

    delivered, folder = _deliver(tmp_path, "1\n"), tmp_path / "landing" / "portal"
    with pytest.raises(KeyboardInterrupt):
        Landing(tmp_path / "landing", "portal").take(LocalFile(delivered), "portal", "a.csv", None, killed)
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["a.csv"]
    landing = Landing(tmp_path / "landing", "portal")
    assert list(landing.files()) == []
    assert landing.take(LocalFile(delivered), "portal", "a.csv", None, _lines) is not None
    landing.remember()
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == ["a.csv", "manifest.json", "seen.json"]


def test_a_file_that_grows_while_it_is_taken_waits_for_next_time(tmp_path, monkeypatch):
    delivered = _deliver(tmp_path, "1\n")
    landing = Landing(tmp_path / "landing", "portal")
    from orchestration.lake import landing as module

    copy = module._copy_with_digest

    def copy_while_growing(reading: BinaryIO, target: Path) -> str:
        digest = copy(reading, target)
        with delivered.open("a") as still_writing:
            still_writing.write("2\n")
        return digest

    monkeypatch.setattr(module, "_copy_with_digest", copy_while_growing)
    assert landing.take(LocalFile(delivered), "portal", "a.csv", None, _lines) is None
    assert landing.left == {"portal/a.csv": "changed while it was taken"}
    monkeypatch.undo()
    taken = landing.take(LocalFile(delivered), "portal", "a.csv", None, _lines)
    assert taken is not None
    assert taken.records_delivered == 2


def test_a_file_that_is_taken_away_while_it_is_copied_is_none(tmp_path, monkeypatch):
    from orchestration.lake import landing as module

    delivered, copy = _deliver(tmp_path, "1\n"), module._copy_with_digest
    landing = Landing(tmp_path / "landing", "portal")

    def copy_and_lose(reading: BinaryIO, target: Path) -> str:
        delivered.unlink()
        return copy(reading, target)

    monkeypatch.setattr(module, "_copy_with_digest", copy_and_lose)
    assert landing.take(LocalFile(delivered), "portal", "a.csv", None, _lines) is None
    assert landing.left == {"portal/a.csv": "changed while it was taken"}
    landing.remember()
    assert list(landing.files()) == []


def _write_batch(folder: Path, batch_id: str, *, commit: bool) -> None:
    batch = raw.RawBatch(folder, batch_id)
    batch.write("answers", pa.Table.from_pylist([{"file_id": batch_id, "line": 1, "answer": 1}], schema=TABLE))
    batch.write("files", pa.Table.from_pylist([{"file_id": batch_id, "signature": "s"}], schema=FILES))
    if commit:
        batch.commit()


def test_a_killed_batch_leaves_nothing_behind(tmp_path):
    _write_batch(tmp_path, "whole", commit=True)
    _write_batch(tmp_path, "killed", commit=False)
    orphan = tmp_path / "answers" / "orphan.parquet"
    orphan.write_bytes((tmp_path / "answers" / "whole.parquet").read_bytes())
    raw.ensure_empty_tables(tmp_path, {"answers": TABLE})
    raw.sweep(tmp_path)
    assert {path.name for path in (tmp_path / "answers").iterdir()} == {"whole.parquet", raw.EMPTY}
    assert raw.parsed_signatures(tmp_path) == {"whole": "s"}
    assert not list(tmp_path.glob(".writing-*"))


def test_empty_tables_carry_the_schema_and_follow_it(tmp_path):
    raw.ensure_empty_tables(tmp_path, {"answers": TABLE})
    assert pq.read_schema(tmp_path / "answers" / raw.EMPTY).equals(TABLE)
    assert pq.read_schema(tmp_path / "records" / raw.EMPTY).equals(RECORDS)
    wider = TABLE.append(pa.field("unit", pa.string()))
    raw.ensure_empty_tables(tmp_path, {"answers": wider})
    assert pq.read_schema(tmp_path / "answers" / raw.EMPTY).equals(wider)


def test_two_readers_of_one_batch_are_merged_by_table(tmp_path):
    parts = [raw.RawBatch(tmp_path, f"part-{n}") for n in range(2)]
    required = pa.schema([field.with_nullable(field.name != "line") for field in TABLE])
    for number, (part, schema) in enumerate(zip(parts, (required, TABLE), strict=True)):
        row = {"file_id": str(number), "line": 1, "feed": "f", "answer": number}
        part.write("answers", pa.Table.from_pylist([row], schema=schema))
    whole = raw.RawBatch(tmp_path, "whole")
    raw.merge(parts, whole)
    assert pq.read_table(whole.path("answers")).column("answer").to_pylist() == [0, 1]
    assert not any(part.scratch.exists() for part in parts)


def test_texts_are_written_alike_whether_they_come_as_dictionaries_or_not(tmp_path, monkeypatch):
    monkeypatch.setattr("orchestration.lake.raw.ROW_GROUP", 2)
    schema = pa.schema([("line", pa.int64()), ("state", pa.string()), ("paid", pa.decimal128(18, 2))])
    states = [["parsed", None], ["rejected", "parsed"], ["parsed", "parsed"]]
    for first in (0, 1):  # the first rows decide how the file is written
        writer = TableWriter(tmp_path / f"{first}.parquet", schema)
        for number, state in enumerate(states):
            column = pa.array(state, pa.string())
            paid = pa.array([Decimal("-1.05"), None], pa.decimal128(18, 2))
            given = column.dictionary_encode() if number % 2 == first else column
            writer.add(pa.table({"line": [number, number], "state": given, "paid": paid, "ignored": [1, 2]}))
        writer.close()
        read = pq.read_table(tmp_path / f"{first}.parquet")
        assert read.schema.equals(schema)
        assert read["state"].to_pylist() == [text for state in states for text in state]
        assert read["paid"].to_pylist() == [Decimal("-1.05"), None] * 3


def test_a_release_names_who_and_why(tmp_path):
    release(tmp_path, "0123456789abcdef", [7, 7, 3], who="steward", why="checked with the payer")
    written = pq.read_table(releases_folder(tmp_path)).to_pylist()
    assert [(row["file_id"], row["line"], row["who"]) for row in written] == [
        ("0123456789abcdef", 3, "steward"),
        ("0123456789abcdef", 7, "steward"),
    ]
    with pytest.raises(ValueError, match="who released it and why"):
        release(tmp_path, "0123456789abcdef", [1], who="steward", why=" ")
    with pytest.raises(ValueError, match="file_id"):
        release(tmp_path, "../elsewhere", [1], who="steward", why="x")


def _try_lock(home: Path, answer: multiprocessing.Queue) -> None:
    try:
        with home_lock(home):
            answer.put("held")
    except HomeIsBusyError:
        answer.put("busy")


def test_one_process_writes_a_home_at_a_time(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    answer = spawn.Queue()
    with home_lock(tmp_path), home_lock(tmp_path):
        other = spawn.Process(target=_try_lock, args=(tmp_path, answer))
        other.start()
        assert answer.get(timeout=30) == "busy"
        other.join()
    other = spawn.Process(target=_try_lock, args=(tmp_path, answer))
    other.start()
    assert answer.get(timeout=30) == "held"
    other.join()


def test_what_does_not_fit_into_memory_is_spilled_to_a_folder_that_need_not_exist(tmp_path):
    with connect(spill=tmp_path / "batch" / "spill", memory_limit="20MB") as con:
        con.execute("create table words as select n, repeat(md5(n::varchar), 4) as word from range(200_000) r(n)")
        assert con.execute("select count(*), max(length(word)) from words").fetchall() == [(200_000, 128)]
