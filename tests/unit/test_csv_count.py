"""The quick count of CSV rows is that of Python's reader, or none at all."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.pull import csv_count


def rows(text: str, delimiter: str = ";") -> int:
    """Rows that are not blank, by Python's own reader."""
    return sum(1 for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row)


def counted(text: str, block_bytes: int, delimiter: str = ";") -> int | None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_count, "_BLOCK_BYTES", block_bytes)
        return csv_count.count_csv_rows(io.BytesIO(text.encode()), delimiter)


@given(
    cells=st.lists(
        st.sampled_from(["a", "\u00e4", " ", ";", "\n", "\r", "\r\n", '"', '""', '"a;b"', ';"x\ny"\n']), max_size=12
    ),
    block_bytes=st.sampled_from([1, 2, 3, 7, 4096]),
)
@settings(max_examples=500, deadline=None, derandomize=True)
def test_any_text_counts_as_python_counts_it_or_not_at_all(cells: list[str], block_bytes: int) -> None:
    text = "".join(cells)
    assert counted(text, block_bytes) in (rows(text), None)


@pytest.mark.parametrize("block_bytes", [1, 2, 5, 4096])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("", 0), ("\n\r\n\n", 0), ("a", 1), ("a;b\n\nc;d\r\n", 2), ('"a\n\nb";c\n', 1), ('""\n', 1), (" \n", 1)),
        *(('a;"say ""so"""\nb;""\n', 2), ('"never closed\na\nb', 1), ('a;b "c" d\n', None), ('"a" b\n', None)),
    ],
)
def test_what_is_written_by_the_book_is_counted(text: str, expected: int | None, block_bytes: int) -> None:
    assert counted(text, block_bytes) == expected
    assert expected in (rows(text), None)
