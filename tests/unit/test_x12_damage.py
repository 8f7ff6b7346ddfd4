"""Damaged X12: nothing raises, every record keeps its one state, and the size of a block decides nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.lake.landing import LandedFile
from orchestration.lake.raw import RawBatch
from orchestration.pull.x12 import X12

INPUT = Path(__file__).parents[1] / "data" / "billing" / "input"
WHOLE = 4 << 20
SAMPLES = [path.read_bytes() for path in sorted(INPUT.iterdir()) if path.is_file()]
ODD = [b"", b"-1", b"NaN", b"9" * 20, b"\xff", b"\xc3\xa9", b":::", b"x" * 300, b"20240230", b"5.", b" 5 ", b"+5.005"]


def parsed(folder: Path, data: bytes, block_bytes: int = WHOLE) -> dict[str, list[dict[str, Any]]]:
    """Rows by table, and that the account holds: as many records as counted, a reason for each that is rejected."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    path = folder / "a.x12"
    path.write_bytes(data)
    reader, batch = X12(kind="x12", time_zone="UTC", block_bytes=block_bytes), RawBatch(folder, "b")
    delivered = reader.count(path)
    reader.parse([LandedFile("billing", "billing", path.name, path, "f", "", 0, delivered, None)], batch)
    names = ["records", "rejects", *reader.tables]
    rows = {name: pq.read_table(batch.path(name)).to_pylist() if batch.path(name).exists() else [] for name in names}
    states = {row["line"]: row["parse_state"] for row in rows["records"]}
    assert sorted(row["line"] for row in rows["records"]) == list(range(1, delivered + 1))
    rejected = {row["line"] for row in rows["rejects"] if row["severity"] == "reject"}
    assert rejected == {line for line, state in states.items() if state == "rejected"}
    assert {row["line"] for name in reader.tables for row in rows[name]} <= states.keys()
    return rows


def same(one: dict[str, list[dict[str, Any]]], other: dict[str, list[dict[str, Any]]]) -> bool:
    return {t: sorted(map(repr, rows)) for t, rows in one.items()} == {
        t: sorted(map(repr, rows)) for t, rows in other.items()
    }


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A sample file whose segments were dropped, repeated, swapped, cut or given odd elements and bytes."""
    data = draw(st.sampled_from(SAMPLES))
    ends = b"~" if b"~" in data else b"\n"
    for _ in range(draw(st.integers(1, 4))):
        segments = data.split(ends)
        one, other = (draw(st.integers(0, len(segments) - 1)) for _ in range(2))
        match draw(st.sampled_from(["drop", "repeat", "swap", "element", "bytes", "cut"])):
            case "drop":
                del segments[one]
            case "repeat":
                segments.insert(other, segments[one])
            case "swap":
                segments[one], segments[other] = segments[other], segments[one]
            case "element":
                elements = segments[one].split(b"*")
                elements[draw(st.integers(0, len(elements) - 1))] = draw(st.sampled_from(ODD))
                segments[one] = b"*".join(elements)
            case "bytes":
                segments[one] += draw(st.binary(max_size=6))
            case "cut":
                segments = [*segments[:one], segments[one][: draw(st.integers(0, 20))]]
        data = ends.join(segments) or b" "
    return data


@given(data=damaged() | st.binary(max_size=300), block_bytes=st.sampled_from([1, 300, 900]))
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_of_any_kind_loses_nothing(tmp_path: Path, data: bytes, block_bytes: int) -> None:
    assert same(parsed(tmp_path / "a", data), parsed(tmp_path / "b", data, block_bytes))


def changed(name: str, *changes: tuple[str, str]) -> bytes:
    text = (INPUT / name).read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text.encode()


CLAIMS, PAYMENTS = "dependent-and-subscriber.837", "two-payments.835"


@pytest.mark.parametrize("block_bytes", [1, WHOLE])
def test_what_a_payment_without_claims_takes_back_is_its_own(tmp_path: Path, block_bytes: int) -> None:
    data = changed(PAYMENTS, ("SE*7*", "PLB*1234567893*20241231*WO:X9*5~SE*8*"))
    rows = parsed(tmp_path / "a", data, block_bytes)
    assert [row["line"] for row in rows["provider_adjustments"] if row["reference"] == "X9"] == [4]


@pytest.mark.parametrize("block_bytes", [1, WHOLE])
def test_a_heading_after_the_last_claim_stays_in_its_transaction(tmp_path: Path, block_bytes: int) -> None:
    heading = ("SE*", "HL*9*1*22*0~NM1*IL*1*LATE*ANN****MI*M9~SE*")
    rows = parsed(tmp_path / "a", changed(CLAIMS, heading) + changed(CLAIMS), block_bytes)
    assert [row["line"] for row in rows["parties"] if row["name"] == "LATE"] == [2]


@pytest.mark.parametrize("block_bytes", [1, WHOLE])
def test_an_envelope_inside_a_transaction_cuts_it_off(tmp_path: Path, block_bytes: int) -> None:
    data = changed(CLAIMS, ("CLM*A2", "GE*1*1~CLM*A2"))
    rows = parsed(tmp_path / "a", data, block_bytes)
    found = {(row["line"], row["rule"]) for row in rows["rejects"] if row["severity"] == "reject"}
    assert found == {(1, "truncated"), (2, "segment_misplaced")}
    assert len(rows["transactions"]) == 1


@pytest.mark.parametrize("block_bytes", [1, WHOLE])
def test_a_claim_after_the_end_of_its_transaction_is_a_record_beside_it(tmp_path: Path, block_bytes: int) -> None:
    data = changed(PAYMENTS, ("GE*", "CLP*STRAY*1*5*5~CLP~GE*"))
    rows = parsed(tmp_path / "a", data, block_bytes)
    assert [row["table_name"] for row in rows["records"]][3:] == ["transactions", "remits", "remits"]
    assert {row["line"] for row in rows["rejects"] if row["rule"] == "segment_misplaced"} == {5, 6}


@pytest.mark.parametrize("block_bytes", [1, WHOLE])
def test_bytes_that_are_no_text_in_a_heading_reject_its_first_record(tmp_path: Path, block_bytes: int) -> None:
    data = changed(CLAIMS).replace(b"GS*HC*", b"GS*HC\xff*", 1)
    rows = parsed(tmp_path / "a", data, block_bytes)
    assert [(row["line"], row["rule"]) for row in rows["rejects"] if row["severity"] == "reject"] == [(1, "encoding")]
