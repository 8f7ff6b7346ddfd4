"""Amounts and days as X12 writes them, and texts that are none."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest

from orchestration.pull.x12_values import dates, money


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        *(("0", "0"), ("-0.00", "0"), ("000000.00", "0"), (".5", "0.5"), ("5.", "5"), ("-.05", "-0.05"), ("+7", "7")),
        *(("1e3", "1000"), ("0.29", "0.29"), ("1.005", None), ("9999999999999.99", "9999999999999.99")),
        *(("9007199254740993", "9007199254740993"), ("12345678901234567", None), ("123.450000000000001", None)),
        *(("NaN", None), ("inf", None), ("-Infinity", None), ("1e-400", None), ("1e400", None), ("1,5", None)),
        *((" 5", None), ("", None), ("x", None)),
    ],
)
def test_money_is_exact_to_the_cent_or_none(text: str, amount: str | None) -> None:
    expected = None if amount is None else Decimal(amount)
    for others in ([], ["1.10", None]):  # what stands beside it decides nothing
        found, wrong = money(pa.array([text, *others], pa.string()))
        assert (found[0].as_py(), bool(wrong[0])) == (expected, expected is None)
        assert found[1:].to_pylist() == ([Decimal("1.10"), None] if others else [])
        assert not wrong[1:].any()


def test_days_are_days_of_the_calendar() -> None:
    texts = ["20240229", "20230229", None, "2024022", "18000101", "17991231", "2024x101", "20240229"]
    days, wrong = dates(pa.array(texts, pa.string()).dictionary_encode())
    leap = date(2024, 2, 29)
    assert days.to_pylist() == [leap, None, None, None, date(1800, 1, 1), None, None, leap]
    assert wrong.tolist() == [False, True, False, True, False, True, True, False]
