"""What of dbt's errors may be told."""

import pytest

from orchestration.lake.dbt import _reason


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            "Runtime Error in model x (models/x.sql)\n  Binder Error: no column b\n  compiled",
            "Binder Error: no column b",
        ),
        ("Runtime Error in model x\n  Conversion Error: Could not convert string 'Maria' to INT32", "Conversion Error"),
        ("Database Error in model x\n  Constraint Error: NOT NULL constraint failed: x.y", "Constraint Error"),
        ("Got 3 results, configured to fail if != 0", "test"),
        (None, "test"),
    ],
)
def test_an_error_tells_its_query_but_no_value(message: str | None, told: str):
    assert _reason(message) == told
