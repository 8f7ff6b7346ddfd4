"""What X12 texts say: amounts of money, counts of units, days.

Belongs here: reading such texts, and telling those that are none. Does not belong: where a text stands
(``x12_segments``), whose it is (``x12_flat``).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.pull.x12_segments import Mask

MONEY = pa.decimal128(18, 2)
_MONEY_TEXT = r"^[+-]?(\d{1,16}(\.\d{0,2})?|\.\d{1,2})$"
_POWERS = np.array([1000, 100, 10, 1])


def money(values: pa.StringArray) -> tuple[pa.Array, Mask]:
    """Return dollars with two decimals, and which texts are none (they become null)."""
    if (found := _plain_money(values)) is not None:
        return found, np.zeros(len(values), np.bool_)
    try:
        return values.cast(MONEY), np.zeros(len(values), np.bool_)
    except pa.ArrowInvalid:
        readable = pc.match_substring_regex(values, _MONEY_TEXT)
        cleaned = pc.if_else(pc.fill_null(readable, False), values, None)
        return cleaned.cast(MONEY), ~as_mask(readable, absent=True)


def _plain_money(values: pa.StringArray) -> pa.Array | None:
    """Return what ``money`` does, in half the time, or None where any text needs its care.

    Doubles tell all decimals of up to fifteen characters apart, so one that equals a number of cents is that number.
    Zeros are short: a longer one may be so small a number that a double has none for it.
    """
    try:
        dollars = values.cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    length = pc.binary_length(values)
    if values.null_count:
        dollars, length = dollars.fill_null(0), length.fill_null(0)
    given = np.asarray(dollars)
    whole = np.rint(given * 100)
    is_plain = (whole / 100 == given) & (np.asarray(length) <= np.where(whole == 0, 5, 15)) & np.isfinite(given)
    if not is_plain.all():
        return None
    return as_money(whole.astype(np.int64), values.is_null() if values.null_count else None)


def as_money(whole_cents: npt.NDArray[np.int64], missing: pa.BooleanArray | None = None) -> pa.Array:
    """Return whole cents as dollars."""
    raw: npt.NDArray[np.int64] = np.zeros((len(whole_cents), 2), np.int64)
    raw[:, 0], raw[:, 1] = whole_cents, whole_cents >> 63
    amounts = pa.Array.from_buffers(MONEY, len(whole_cents), [None, pa.py_buffer(raw)])
    return amounts if missing is None else pc.if_else(missing, None, amounts)


def quantity(values: pa.StringArray) -> pa.Array:
    """Return a count of units; null where the text is no number."""
    try:
        return values.cast(pa.float64())
    except pa.ArrowInvalid:
        readable = pc.match_substring_regex(values, r"^[+-]?(\d+\.?\d*|\.\d+)$")
        return pc.if_else(pc.fill_null(readable, False), values, None).cast(pa.float64())


def cents(amounts: pa.Array) -> npt.NDArray[np.int64]:
    """Return amounts of ``MONEY`` as whole cents, 0 where null."""
    # A decimal128 is 16 little-endian bytes; 18 digits fit the lower eight.
    filled = pc.fill_null(amounts, pa.scalar(0, MONEY)) if amounts.null_count else amounts
    if not len(filled):
        return np.zeros(0, np.int64)
    return np.frombuffer(filled.buffers()[1], np.int64)[2 * filled.offset :: 2][: len(filled)]


def dates(texts: pa.DictionaryArray) -> tuple[pa.Array, Mask]:
    """Return dates written CCYYMMDD, and which texts are no date of the calendar (they become null)."""
    days = _calendar(texts.dictionary)
    found = days.take(texts.indices)
    if not days.null_count:
        return found, np.zeros(len(texts), np.bool_)
    return found, as_mask(pc.and_(found.is_null(), texts.indices.is_valid()))


def _calendar(values: pa.StringArray) -> pa.Array:
    """Return dates written CCYYMMDD; null where a text is no date of the calendar."""
    day: npt.NDArray[np.datetime64] = np.full(len(values), np.datetime64("NaT"), "datetime64[D]")
    shaped = as_mask(pc.equal(pc.binary_length(values), 8))
    if shaped.any():
        text = values if shaped.all() else values.filter(pa.array(shaped))
        begin = np.frombuffer(text.buffers()[1], np.int32)[text.offset]
        digits = np.frombuffer(text.buffers()[2], np.uint8)[begin : begin + 8 * len(text)].reshape(-1, 8) - 48
        year, month, dom = (digits[:, a:b] @ _POWERS[4 - b + a :] for a, b in ((0, 4), (4, 6), (6, 8)))
        months = ((year - 1970) * 12 + np.clip(month, 1, 12) - 1).astype("datetime64[M]")
        found = months.astype("datetime64[D]") + np.maximum(dom, 1) - 1
        real = (digits <= 9).all(axis=1) & (month >= 1) & (month <= 12) & (dom >= 1) & (year >= 1800)
        found[~real | (found.astype("datetime64[M]") != months)] = np.datetime64("NaT")
        day[shaped] = found
    return pa.array(day, pa.date32(), mask=np.isnat(day))


def as_mask(values: pa.BooleanArray, absent: bool = False) -> Mask:
    """Return booleans as a NumPy mask, with ``absent`` for nulls."""
    return np.asarray(pc.fill_null(values, absent)).astype(np.bool_)
