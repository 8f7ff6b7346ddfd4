"""Amounts of public 835 and 837 files against the segments that pyx12 reads from them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from orchestration.lake.landing import LandedFile
from orchestration.lake.raw import RawBatch
from orchestration.pull.x12 import X12

pytestmark = pytest.mark.reference
Amount = Decimal | None


def dollars(text: str | None) -> Amount:
    return Decimal(text).quantize(Decimal("0.01")) if text else None


def by_pyx12(path: Path) -> dict[str, list[tuple[Any, ...]]] | None:
    """The same facts, from pyx12's plain segments; None where it cannot read the file."""
    x12file = pytest.importorskip("pyx12.x12file", reason="the optional validator pyx12 is not installed")
    errors = pytest.importorskip("pyx12.errors")
    try:
        return facts(x12file.X12Reader(str(path)))
    except (errors.X12Error, UnicodeDecodeError):
        return None


def facts(segments: Iterable[Any]) -> dict[str, list[tuple[Any, ...]]]:
    """Amounts of claims, remits, lines, adjustments and payments, segment by segment."""
    found: dict[str, list[tuple[Any, ...]]] = {
        "claims": [],
        "remits": [],
        "lines": [],
        "adjustments": [],
        "payments": [],
    }
    paid = provider = Decimal(0)
    for segment in segments:
        name = segment.get_seg_id()
        value = segment.get_value
        if name == "CLM":
            found["claims"].append((value("CLM01"), dollars(value("CLM02"))))
        elif name == "CLP":
            amounts = [dollars(value(f"CLP{n:02d}")) for n in (3, 4, 5)]
            found["remits"].append((value("CLP01"), value("CLP07"), *amounts))
            paid += amounts[1] or 0
        elif name == "SVC":
            found["lines"].append((dollars(value("SVC02")), dollars(value("SVC03"))))
        elif name == "CAS":
            for at in range(2, 20, 3):
                if value(f"CAS{at:02d}") or value(f"CAS{at + 1:02d}"):
                    found["adjustments"].append(
                        (value("CAS01"), value(f"CAS{at:02d}"), dollars(value(f"CAS{at + 1:02d}")))
                    )
        elif name == "BPR":
            total = dollars(value("BPR02"))
        elif name == "PLB":
            provider += sum(dollars(value(f"PLB{at:02d}")) or 0 for at in range(4, 15, 2))
        elif name == "SE" and found["remits"]:
            found["payments"].append((total, total == paid - provider))
            paid = provider = Decimal(0)
    return found


def by_us(path: Path, folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    reader = X12(kind="x12", time_zone="UTC")
    batch = RawBatch(folder, "b")
    reader.parse([LandedFile("billing", "billing", path.name, path, path.name, "", 0, 0, None)], batch)

    def columns(table: str, *names: str) -> list[tuple[Any, ...]]:
        if not batch.path(table).exists():
            return []
        rows = sorted(pq.read_table(batch.path(table)).to_pylist(), key=lambda row: row["line"])
        return [tuple(row[name] for name in names) for row in rows]

    remit = ("patient_control_number", "payer_claim_control_number", "charge_amount", "paid_amount")
    payments = [row for row in columns("transactions", "payment_amount", "is_balanced") if row[1] is not None]
    return {
        "claims": columns("claims", "patient_control_number", "charge_amount"),
        "remits": columns("remits", *remit, "patient_responsibility_amount"),
        "lines": columns("remit_lines", "charge_amount", "paid_amount"),
        "adjustments": columns("adjustments", "group_code", "reason_code", "amount"),
        "payments": payments,
    }


def test_amounts_equal_those_of_pyx12(reference: Path, tmp_path: Path) -> None:
    compared = claims = remits = 0
    for path in sorted((reference / "data" / "x12").rglob("*.*")):
        expected = by_pyx12(path)
        if expected is None or not (expected["claims"] or expected["remits"]):
            continue
        assert by_us(path, tmp_path / path.name) == expected, path.name
        compared += 1
        claims += len(expected["claims"])
        remits += len(expected["remits"])
    assert (compared, claims, remits) == (59, 82, 11)


def test_every_public_payment_balances(reference: Path, tmp_path: Path) -> None:
    paths = sorted((reference / "data" / "x12" / "linuxforhealth").glob("*.835"))
    payments = [payment for path in paths for payment in by_us(path, tmp_path / path.name)["payments"]]
    assert payments
    assert all(balances for _, balances in payments)
