"""Damaged deliveries of portals, call centres, surveys and staff: nothing raises, every record keeps its one state.

Belongs here: damage of any kind to the sample files of every reader but X12's and FHIR's, which have their own.
Does not belong: what one certain fault is called (the tests of each reader).
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.lake.landing import LandedFile
from orchestration.lake.raw import RawBatch, ensure_empty_tables
from orchestration.pull.declared import DeclaredTable
from orchestration.pull.snowplow import FIELDS
from orchestration.pull.source import load_sources

ROOT = Path(__file__).parents[2]
SOURCES = {source.name: source for source in load_sources(ROOT / "orchestration" / "defs" / "sources")}
DATA = ROOT / "tests" / "data"
FILES = [
    (source, path.relative_to(DATA / source / "input").as_posix(), path.read_bytes())
    for source in ("call_center", "portal", "surveys", "staff", "billing")
    for path in sorted((DATA / source / "input").rglob("*"))
    if path.suffix in {".ndjson", ".json", ".csv", ".tsv"}
]
_EVENT = {
    "event": "unstruct",
    "event_id": "e1",
    "event_name": "login",
    "domain_userid": "a1",
    "collector_tstamp": "2024-03-01 10:00:00.123",
    "unstruct_event": '{"schema": "s", "data": {"schema": "t", "data": {"result_id": "r1"}}}',
}
_ROW = "\t".join(_EVENT.get(name, "") for name in FIELDS) + "\n"
SAMPLES = {f"{source}/{name}": (source, name, data) for source, name, data in FILES}
SAMPLES["portal/snowplow"] = ("portal", "snowplow/a.tsv", (_ROW + _ROW.replace("e1", "e2")).encode())
_CALLS = 'Zähler;Beginn;Betreff\n1;01.03.2024 10:00;"Rückruf; Befund"\n2;01.03.2024 10:05;Müller – 20 €\n'
#: Files in encodings of their own, each with its declaration.
ENCODED = {
    encoding: DeclaredTable.model_validate(
        {
            **{"kind": "table", "table": "call", "path": "*.csv", "encoding": encoding, "delimiter": ";"},
            **{"zone": "Europe/Vienna", "record_id": ["call_id"]},
            "columns": {
                "call_id": {"from": "Zähler", "required": True},
                "started_at": {"from": "Beginn", "type": "timestamp", "format": "%d.%m.%Y %H:%M", "required": True},
                "subject": {"from": "Betreff"},
            },
        }
    )
    for encoding in ("cp1252", "utf-16", "utf-8")
}
SAMPLES |= {f"encoded/{name}": (name, "calls.csv", _CALLS.encode(name)) for name in ENCODED}
#: What stands where something else is expected: wrong types, huge and odd numbers, times that are none, other scripts.
ODD: list[Any] = [
    *(None, "", " ", "NA", "null", True, 0, -1, 1e308, -0.0, 10**30, 1.5, [], {}, [1, [2]], {"a": {"b": []}}),
    *("-1", "1e999", "NaN", "Infinity", "9" * 400, "12,5", "0x1F", "１２", "-00:00:01", "99:99:99", "1:2:3:4", "P1D"),
    *("2024-03-10T02:30:00", "2024-11-03T01:30:00", "2024-02-30T00:00:00Z", "0000-00-00T00:00:00Z", "2024-03-10"),
    *("99999-01-01T00:00:00Z", "2024-01-01T00:00:00+99:99", "2024-01-01T24:00:00Z", "2024-01-01T00:00:60Z", "infinity"),
    *("-infinity", "epoch", "2024-01-01T00:00:00 Europe/Nowhere", "Z", "+01:00", "Sun, 10 Mar 2024 02:30:00"),
    *(
        "x" * 5000,
        "\u0000",
        "\ufffe",
        "\u202e",
        "\U0001f600",
        "é",
        "'; drop table judged; --",
        '"',
        "\\",
        "\t",
        "a\r\nb",
    ),
]
BYTES = [b"\xff", b"\x00", b"\xc3", b"\xe9", b"\xef\xbb\xbf", b"\xff\xfe", b"\r", b"\n", b"\r\n\r\n", b'"', b",", b"\t"]
BYTES += [b"{", b"}", b'"' * 3, b"\\", b"[" * 3000, b"\x1a", b"\xed\xa0\x80", b"x" * 100_000]


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Return a file with one to four faults."""
    for _ in range(chance.randint(1, 4)):
        data = chance.choice([_cut, _insert, _overwrite, _lines, _lines, _value, _value, _value, _recode])(data, chance)
    return data


def _cut(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] if chance.random() < 0.5 else data[:at] + data[at + chance.randint(1, 80) :]


def _insert(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice(BYTES) + data[at:]


def _overwrite(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.randbytes(chance.randint(1, 5)) + data[at + 3 :]


def _lines(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(5):
        case 0:
            del lines[one]
        case 1:
            lines.insert(other, lines[one])
        case 2:
            lines[one], lines[other] = lines[other], lines[one]
        case 3:
            lines[one] = lines[one][: chance.randint(0, 60)]
        case _:
            lines.insert(one, b" " * chance.randint(0, 2))
    return b"\n".join(lines)


def _recode(data: bytes, chance: random.Random) -> bytes:
    text = data.decode("utf-8", "replace")
    return text.encode(chance.choice(["utf-16", "utf-16-le", "latin-1", "cp1252", "utf-8-sig", "utf-32"]), "replace")


def _value(data: bytes, chance: random.Random) -> bytes:
    """Put something odd where a value stands: of a JSON record, else of a row."""
    lines = data.split(b"\n")
    at = chance.randrange(len(lines))
    try:
        record = json.loads(lines[at])
    except (ValueError, RecursionError):
        mark = b"\t" if b"\t" in lines[at] else b","
        cells = lines[at].split(mark)
        odd = chance.choice(ODD)
        told = odd if isinstance(odd, str) else json.dumps(odd)
        match chance.randrange(4):
            case 0:
                cells.append(told.encode("utf-8", "surrogatepass"))
            case 1:
                cells.insert(0, chance.choice(cells))
            case 2:
                cells[chance.randrange(len(cells))] = b'"' + told.replace('"', '""').encode() + b'"'
            case _:
                cells[chance.randrange(len(cells))] = told.encode()
        lines[at] = mark.join(cells)
        return b"\n".join(lines)
    lines[at] = json.dumps(_with_odd(record, chance), ensure_ascii=chance.random() < 0.7).encode("utf-8", "replace")
    return b"\n".join(lines)


def _with_odd(record: Any, chance: random.Random) -> Any:
    if isinstance(record, dict) and record and chance.random() < 0.8:
        key = chance.choice(list(record))
        return {**record, key: _with_odd(record[key], chance)}
    if isinstance(record, list) and record and chance.random() < 0.8:
        at = chance.randrange(len(record))
        return [*record[:at], _with_odd(record[at], chance), *record[at + 1 :]]
    return chance.choice(ODD)


def read(folder: Path, source: str, name: str, files: list[bytes]) -> None:
    """Read files of one name; the account holds: as many records as counted, a reason for each that is rejected."""
    reader = ENCODED.get(source) or SOURCES[source].reader_of(name)
    assert reader
    landed = []
    for number, data in enumerate(files):
        path = folder / f"{number}" / Path(name).name
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        landed.append(LandedFile(source, source, name, path, f"f{number:03d}", "", len(data), reader.count(path), None))
    out = RawBatch(folder / "raw", "b")
    reader.parse(landed, out)
    out.commit()
    ensure_empty_tables(out.source_folder, reader.tables)
    with duckdb.connect() as con:
        for table in ("records", "rejects", *reader.tables):
            con.execute(f"create view {table} as select * from '{out.source_folder / table}/*.parquet'")
        counted = con.execute("select file_id, count(*), count(distinct line) from records group by 1 order by 1")
        delivered = {file.file_id: file.records_delivered for file in landed}
        assert counted.fetchall() == [(file, n, n) for file, n in delivered.items() if n]
        lost = "select file_id, line from records where parse_state = 'rejected'"
        told = "select file_id, line from rejects where severity = 'reject' and rule is not null and detail is null"
        assert con.execute(f"({lost} except {told}) union all ({told} except {lost})").fetchall() == []
        assert con.execute("from records where parse_state = 'parsed' and record_id is null").fetchall() == []
        for table in reader.tables:
            nobody = f"select file_id, line from {table} except select file_id, line from records"
            assert con.execute(nobody).fetchall() == []


@pytest.mark.parametrize("sample", SAMPLES)
def test_damage_of_any_kind_loses_nothing(tmp_path: Path, sample: str) -> None:
    source, name, whole = SAMPLES[sample]
    chance = random.Random(sample)  # noqa: S311 - damage, no secret
    read(tmp_path, source, name, [damaged(whole, chance) for _ in range(30)])
