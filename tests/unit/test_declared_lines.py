"""Lines are cut exactly: every line once, with its number, whatever the bytes are."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from orchestration.lake.duck import connect
from orchestration.lake.landing import LandedFile
from orchestration.pull import lines
from orchestration.pull.lines import count_lines, line_reader


def read(path: Path) -> list[tuple[int, str, str | None]]:
    landed = LandedFile("portal", "portal", path.name, path, "f1", "", 0, 0, None)
    with connect() as con:
        con.register("lines", line_reader([landed]))
        return con.execute("select line, text, fault from lines order by line").fetchall()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\n \n\t\r\n", []),
        (b"a\nb\n", [(1, "a", None), (2, "b", None)]),
        (b"a\n\n\nb", [(1, "a", None), (4, "b", None)]),
        (b"\xef\xbb\xbfa\r\nb\r\n", [(1, "a", None), (2, "b", None)]),
        (b" a \n", [(1, " a ", None)]),
        (b"a\rb\nc\n", [(1, "a\rb", None), (2, "c", None)]),
        ("é\n".encode() + "é\n".encode("latin-1") + b"e\n", [(1, "é", None), (2, "é", "encoding"), (3, "e", None)]),
        (b'a\x01\x02,"b\n', [(1, 'a\x01\x02,"b', None)]),
    ],
)
def test_every_line_comes_once_with_its_number(tmp_path, content, expected):
    for name, data in (("plain.ndjson", content), ("packed.ndjson.gz", gzip.compress(content))):
        path = tmp_path / name
        path.write_bytes(data)
        assert read(path) == expected
        assert count_lines(path) == len(expected)


def test_utf_16_is_a_fault_of_every_line(tmp_path):
    path = tmp_path / "a.ndjson"
    path.write_bytes('{"a": 1}\n{"a": 2}\n'.encode("utf-16"))
    found = read(path)
    assert {fault for _, _, fault in found} == {"encoding"}
    assert count_lines(path) == len(found)


def test_a_packed_file_that_breaks_off_keeps_what_it_holds_and_says_so(tmp_path):
    path = tmp_path / "a.ndjson.gz"
    path.write_bytes(gzip.compress(b"".join(b'{"n": %d}\n' % n for n in range(50_000)))[:-2_000])
    found = read(path)
    assert len(found) > 10_000
    assert [fault for _, _, fault in found if fault] == ["encoding"]
    assert found[-1][2] == "encoding"
    assert count_lines(path) == len(found)


def test_members_of_a_packed_file_follow_each_other(tmp_path):
    path = tmp_path / "a.ndjson.gz"
    path.write_bytes(gzip.compress(b"a\n") + gzip.compress(b"b\n"))
    assert [text for _, text, _ in read(path)] == ["a", "b"]


def test_lines_longer_than_a_block_stay_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "BLOCK_BYTES", 64)
    path = tmp_path / "a.ndjson"
    texts = ["short", "x" * 1000, "", "é" * 40, "end"]
    path.write_text("\n".join(texts))
    assert [(number, text) for number, text, _ in read(path)] == [
        (number, text) for number, text in enumerate(texts, start=1) if text
    ]
    assert count_lines(path) == 4
