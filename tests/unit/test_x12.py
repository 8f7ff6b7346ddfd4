"""What X12 claims and payments become: every table, every rule, whatever the size of a block."""

from __future__ import annotations

import gzip
import shutil
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from orchestration.lake.landing import LandedFile
from orchestration.lake.raw import RawBatch
from orchestration.pull.x12 import X12

INPUT = Path(__file__).parents[1] / "data" / "billing" / "input"
Rows = list[dict[str, Any]]


class Parsed:
    """The tables that some files became."""

    def __init__(self, folder: Path, *paths: Path, block_bytes: int = 4 << 20) -> None:
        self.reader = X12(kind="x12", time_zone="America/New_York", block_bytes=block_bytes)
        files = [LandedFile("billing", "billing", p.name, p, p.name, "", 0, self.reader.count(p), None) for p in paths]
        self.delivered = sum(f.records_delivered for f in files)
        shutil.rmtree(folder / "raw", ignore_errors=True)
        self.batch = RawBatch(folder / "raw", "b")
        self.reader.parse(files, self.batch)

    def rows(self, table: str) -> Rows:
        """Rows of one table."""
        path = self.batch.path(table)
        return pq.read_table(path).to_pylist() if path.exists() else []

    def columns(self, table: str, *names: str) -> list[tuple[Any, ...]]:
        """Some columns of one table."""
        return [tuple(row[name] for name in names) for row in self.rows(table)]

    def found(self, severity: str = "reject") -> list[tuple[int, str]]:
        """Record and rule of each finding."""
        return sorted((row["line"], row["rule"]) for row in self.rows("rejects") if row["severity"] == severity)

    def states(self) -> list[str]:
        """What became of each record, in order."""
        return [row["parse_state"] for row in sorted(self.rows("records"), key=lambda row: row["line"])]


def spoiled(tmp_path: Path, name: str, *changes: tuple[str, str]) -> Path:
    text = (INPUT / name).read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_remit_has_its_payment_patient_and_days(tmp_path: Path) -> None:
    parsed = Parsed(tmp_path, INPUT / "two-payments.835")
    first = parsed.rows("remits")[0]
    assert {name: first[name] for name in first if first[name] is not None} == {
        "file_id": "two-payments.835",
        "line": 1,
        "feed": "billing",
        "transaction_number": 1,
        "segment_number": 12,
        "patient_control_number": "A1",
        "claim_status_code": "1",
        "charge_amount": Decimal("200.00"),
        "paid_amount": Decimal("130.00"),
        "patient_responsibility_amount": Decimal("20.00"),
        "filing_code": "12",
        "payer_claim_control_number": "ICN-1",
        "facility_code": "11",
        "frequency_code": "1",
        "adjustment_amount": Decimal("70.00"),
        "balance_difference_amount": Decimal("0.00"),
        "paid_on": date(2024, 3, 2),
        "produced_on": date(2024, 2, 29),
        "trace_number": "T-1",
        "payer_identifier": "1935665544",
        "payer_name": "HARBOR HEALTH PLAN",
        "service_from": date(2024, 1, 10),
        "service_to": date(2024, 1, 12),
        "patient_family": "DOE",
        "patient_given": "JANE",
        "patient_middle": "Q",
        "patient_suffix": "JR",
        "patient_qualifier": "MI",
        "patient_id": "M0000000101",
        "insured_family": "DOE",
        "insured_given": "JOHN",
        "insured_qualifier": "MI",
        "insured_id": "M00000001",
        "medical_record_number": "10000001",
    }


def test_lines_and_adjustments_keep_their_level_and_order(tmp_path: Path) -> None:
    parsed = Parsed(tmp_path, INPUT / "two-payments.835")
    assert parsed.columns(
        "remit_lines", "line", "line_number", "procedure_code", "modifier", "revenue_code", "quantity", "service_to"
    ) == [
        (1, 1, "99213", "25", None, 1.0, date(2024, 1, 10)),
        (1, 2, "87880", None, "0300", 2.0, date(2024, 1, 12)),
    ]
    adjustments = parsed.columns(
        "adjustments", "line", "line_number", "position", "group_code", "reason_code", "amount"
    )
    assert adjustments == [
        (1, 1, 1, "CO", "45", Decimal("30.00")),
        (1, 1, 2, "PR", "1", Decimal("15.00")),
        (1, 1, 3, "PR", "2", Decimal("5.00")),
        (1, 2, 4, "CO", "45", Decimal("20.00")),
        (2, None, 1, "CO", "29", Decimal("80.00")),
        (3, None, 1, "CO", "45", Decimal("-48.73")),
    ]


def test_a_payment_balances_with_provider_adjustments_and_reversals(tmp_path: Path) -> None:
    parsed = Parsed(tmp_path, INPUT / "two-payments.835")
    assert parsed.columns("provider_adjustments", "line", "reason_code", "reference", "amount") == [
        (3, "CV", "CP-9", Decimal("-1.27")),
        (3, "WO", "X1", Decimal("1.27")),
    ]
    facts = ("line", "claims", "claims_paid_amount", "payment_amount", "is_balanced", "segments", "stated_segments")
    assert parsed.columns("transactions", *facts) == [
        (1, 3, Decimal("128.73"), Decimal("128.73"), True, 31, 31),
        (4, 0, Decimal("0.00"), Decimal("0.00"), True, 7, 7),
    ]
    assert parsed.found() == parsed.found("warn") == []
    # The second payment has no claim: the transaction itself is the record.
    assert parsed.states() == ["parsed"] * 4
    assert parsed.delivered == 4
    assert {row["version_at"] for row in parsed.rows("records")} == {datetime(2024, 3, 1, 17, 0)}


def test_a_claim_has_its_own_patient_payer_and_provider(tmp_path: Path) -> None:
    parsed = Parsed(tmp_path, INPUT / "dependent-and-subscriber.837")
    people = (
        "patient_given",
        "patient_suffix",
        "patient_member_id",
        "patient_birth_date",
        "patient_sex",
        "patient_zip",
    )
    assert parsed.columns("claims", *people) == [
        ("JANE", "JR", "M0000000101", date(2010, 3, 4), "F", "01901"),
        ("RICHARD", None, "M00000002", date(1940, 12, 31), "M", "02114"),
    ]
    facts = (
        *("claim_type", "charge_amount", "line_charge_amount", "frequency_code", "original_claim_number"),
        *("subscriber_id", "relationship_code", "payer_id", "billing_provider_id", "service_from", "service_to"),
        *("submitted_on", "principal_diagnosis", "medical_record_number", "payer_sequence"),
    )
    assert parsed.columns("claims", *facts) == [
        (
            *("professional", Decimal("200.00"), Decimal("200.00"), "7", "ICN-0"),
            *("M00000001", "19", "HHP01", "1234567893", date(2024, 1, 10), date(2024, 1, 12)),
            *(date(2024, 1, 15), "J029", "10000001", "P"),
        ),
        (
            *("professional", Decimal("80.00"), Decimal("80.00"), "1", None),
            *("M00000002", "18", "MDC00", "1234567893", date(2024, 1, 8), date(2024, 1, 8)),
            *(date(2024, 1, 15), "I10", None, "P"),
        ),
    ]
    assert parsed.found() == parsed.found("warn") == []
    adjustments = parsed.columns("adjustments", "record_type", "line_number", "reason_code", "amount")
    assert adjustments == [
        ("claim", None, "1", Decimal("21.89")),
        ("claim", None, "2", Decimal("15.00")),
        ("claim", 2, "45", Decimal("10.00")),
    ]
    roles = parsed.columns("parties", "line", "level", "role", "name")
    assert [row for row in roles if row[2] == "PR"] == [
        (1, "header", "PR", "HARBOR HEALTH PLAN"),
        (1, "record", "PR", "SECOND PAYER"),
        (2, "header", "PR", "MEDICARE PART B"),
    ]


def test_institutional_4010_with_other_delimiters_and_newline_terminators(tmp_path: Path) -> None:
    parsed = Parsed(tmp_path, INPUT / "stay-4010.837")
    (claim,) = parsed.rows("claims")
    assert (claim["claim_type"], claim["facility_code"]) == ("institutional", "11")
    assert (claim["service_from"], claim["service_to"]) == (date(2004, 1, 1), date(2004, 1, 5))
    assert parsed.columns("claim_lines", "revenue_code", "procedure_code", "charge_amount", "unit", "quantity") == [
        ("0120", None, Decimal("1000.00"), "DA", 4.0),
        ("0305", "85025", Decimal("89.93"), "UN", 1.0),
    ]
    assert (1, None, "435", date(2004, 1, 1), date(2004, 1, 1)) in parsed.columns(
        "dates", "line", "line_number", "qualifier", "date_from", "date_to"
    )


@pytest.mark.parametrize("block_bytes", [1, 300, 700, 1500])
def test_blocks_of_any_size_give_the_same_rows(tmp_path: Path, block_bytes: int) -> None:
    paths = sorted(INPUT.glob("*.83?"))
    whole, parts = Parsed(tmp_path / "a", *paths), Parsed(tmp_path / "b", *paths, block_bytes=block_bytes)
    assert parts.delivered == whole.delivered == 7
    for table in ["records", "rejects", *whole.reader.tables]:
        assert sorted(map(repr, parts.rows(table))) == sorted(map(repr, whole.rows(table))), table


@pytest.mark.parametrize("line_end", ["", "\n", "\r\n"])
def test_line_ends_wrapping_and_compression_change_nothing(tmp_path: Path, line_end: str) -> None:
    flat = (INPUT / "two-payments.835").read_text().replace("\n", "")
    wrapped = line_end.join(flat[at : at + 80] for at in range(0, len(flat), 80)) if line_end else flat
    path = tmp_path / "wrapped.835.gz"
    path.write_bytes(gzip.compress(wrapped.encode()))
    expected = Parsed(tmp_path / "a", INPUT / "two-payments.835")
    found = Parsed(tmp_path / "b", path)
    for table in ("remits", "adjustments", "transactions"):
        assert [r | {"file_id": ""} for r in found.rows(table)] == [r | {"file_id": ""} for r in expected.rows(table)]


def test_one_file_may_hold_interchanges_with_different_delimiters(tmp_path: Path) -> None:
    path = tmp_path / "mixed.x12"
    path.write_text("\n\n".join((INPUT / name).read_text() for name in ("two-payments.835", "stay-4010.837")))
    parsed = Parsed(tmp_path, path)
    assert parsed.columns("records", "line", "table_name") == [
        (1, "remits"),
        (2, "remits"),
        (3, "remits"),
        (4, "transactions"),
        (5, "claims"),
    ]
    assert parsed.columns("transactions", "transaction_number", "transaction_type") == [
        (1, "835"),
        (2, "835"),
        (3, "837"),
    ]


def test_a_claim_that_does_not_balance_is_rejected_with_its_difference(tmp_path: Path) -> None:
    parsed = Parsed(tmp_path, spoiled(tmp_path, "two-payments.835", ("CAS*CO*29*80~", "CAS*CO*29*70~")))
    (reject,) = parsed.rows("rejects")
    assert (reject["line"], reject["rule"]) == (2, "unbalanced_claim")
    assert reject["detail"] == "CLP03 - sum of CAS - CLP04 = 10.00"
    assert parsed.states() == ["parsed", "rejected", "parsed", "parsed"]


def test_a_file_that_does_not_balance_is_held_whole(tmp_path: Path) -> None:
    bad = spoiled(tmp_path, "two-payments.835", ("BPR*I*128.73", "BPR*I*128.74"))
    parsed = Parsed(tmp_path, bad, INPUT / "stay-4010.837")
    held = [row for row in parsed.rows("rejects") if row["rule"] == "unbalanced_file"]
    assert [row["line"] for row in held] == [1, 2, 3, 4]
    assert held[0]["detail"] == "transaction 1: BPR02 - (sum of CLP04 - sum of PLB) = 0.01"
    assert sorted(parsed.columns("records", "file_id", "parse_state")) == [
        ("stay-4010.837", "parsed"),
        *[("two-payments.835", "rejected")] * 4,
    ]
    assert len(parsed.rows("remits")) == 3  # flattened all the same: a release needs no second parse


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (("CLM*A2*80*", "CLM*A2*eighty*"), (2, "amount_invalid")),
        (("CLM*A2*80*", "CLM*A2**"), (2, "element_missing")),
        (("CLM*A2*80*", "CLM**80*"), (2, "element_missing")),
        (("DTP*472*D8*20240108", "DTP*472*D8*20240230"), (2, "date_invalid")),
        (("HI*ABK:I10", "Hi*ABK:I10"), (2, "segment_invalid")),
        (("NM1*IL*1*ROE", "NM31*IL*1*ROE"), (2, "segment_invalid")),
    ],
)
def test_a_bad_claim_is_rejected_and_the_rest_goes_through(
    tmp_path: Path, change: tuple[str, str], found: tuple[int, str]
) -> None:
    path = spoiled(tmp_path, "dependent-and-subscriber.837", change)
    for block_bytes in (1, 4 << 20):
        parsed = Parsed(tmp_path, path, block_bytes=block_bytes)
        assert parsed.found() == [found]
        assert parsed.states() == ["parsed", "rejected"]
        assert parsed.delivered == 2


def test_a_file_cut_off_loses_only_its_last_claim(tmp_path: Path) -> None:
    path = tmp_path / "cut.837"
    text = (INPUT / "dependent-and-subscriber.837").read_text()
    path.write_text(text[: text.index("SV1*HC:99214") + 9])
    parsed = Parsed(tmp_path, path)
    assert parsed.found() == [(2, "truncated")]
    assert parsed.states() == ["parsed", "rejected"]


def test_bytes_that_are_no_text_reject_their_claim(tmp_path: Path) -> None:
    path = tmp_path / "latin.837"
    path.write_bytes((INPUT / "dependent-and-subscriber.837").read_bytes().replace(b"8 ASH ST", b"8 \xc9LAN ST"))
    parsed = Parsed(tmp_path, path)
    assert parsed.found() == [(2, "encoding")]
    path.write_bytes((INPUT / "dependent-and-subscriber.837").read_bytes().replace(b"8 ASH ST", "8 ÉLAN ST".encode()))
    parsed = Parsed(tmp_path, path)
    assert parsed.found() == []
    assert parsed.rows("claims")[1]["patient_address"] == "8 ÉLAN ST"


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_an_empty_file_delivers_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "empty.837"
    path.write_text(text)
    parsed = Parsed(tmp_path, path)
    assert (parsed.delivered, parsed.states()) == (0, [])


def test_text_without_isa_is_one_rejected_record(tmp_path: Path) -> None:
    path = tmp_path / "none.837"
    path.write_text("GS*HC*A*B~ST*837*1~CLM*A1*5~")
    parsed = Parsed(tmp_path, path)
    assert (parsed.delivered, parsed.found(), parsed.states()) == (1, [(1, "isa_unreadable")], ["rejected"])


def test_other_transactions_are_landed_but_not_modelled(tmp_path: Path) -> None:
    changes = (("ST*837*", "ST*277*"), ("CLM*A1", "TRN*1"), ("CLM*A2", "TRN*2"))
    parsed = Parsed(tmp_path, spoiled(tmp_path, "dependent-and-subscriber.837", *changes))
    assert (parsed.delivered, parsed.states(), parsed.found()) == (1, ["not_modelled"], [])


def test_a_second_delivery_of_a_claim_is_the_same_record_with_the_same_content(tmp_path: Path) -> None:
    again = spoiled(tmp_path, "two-payments.835", ("000000001", "000000009"), ("*0001~", "*0007~")).rename(
        tmp_path / "again.835"
    )
    parsed = Parsed(tmp_path, INPUT / "two-payments.835", again)
    by_file: dict[str, list[tuple[str, str]]] = {}
    for row in parsed.rows("records"):
        by_file.setdefault(row["file_id"], []).append((row["record_id"], row["record_hash"]))
    assert by_file["again.835"] == by_file["two-payments.835"]
    assert len(set(by_file["again.835"])) == 4


def test_no_value_of_a_record_is_told(tmp_path: Path) -> None:
    changes = (("CLM*A2*80*", "CLM*A2*SECRET*"), ("19401231", "SECRET00"))
    parsed = Parsed(tmp_path, spoiled(tmp_path, "dependent-and-subscriber.837", *changes))
    assert parsed.rows("rejects")
    assert "SECRET" not in repr(parsed.rows("rejects"))
