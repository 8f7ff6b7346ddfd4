"""Transactions (ST to SE) across blocks: their facts, their totals, and whether a payment balances.

Belongs here: what holds for a transaction as a whole. Does not belong: its claims and remits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from orchestration.lake.schemas import UTC_TIMESTAMP
from orchestration.pull.x12_flat import Frame
from orchestration.pull.x12_segments import Mask, Rows
from orchestration.pull.x12_values import as_money, cents, dates, money


@dataclass(frozen=True)
class Totals:
    """What transactions add up to: one number each, amounts in cents."""

    first_line: Rows  # ordinal of the first record, 0 = none yet
    claims: Rows
    paid: Rows
    provider_adjusted: Rows
    segments: Rows

    @classmethod
    def none(cls, size: int) -> Totals:
        """Return zeros for ``size`` transactions."""
        return cls(*(np.zeros(size, np.int64) for _ in range(5)))

    def last(self) -> Totals:
        """Return the numbers of the last transaction."""
        return Totals(*(getattr(self, name)[-1:].copy() for name in self.__dataclass_fields__))

    def carry_in(self, before: Totals) -> None:
        """Add to the first transaction what the block before knew of it."""
        self.first_line[0] = before.first_line[-1] or self.first_line[0]
        for mine, theirs in (
            (self.claims, before.claims),
            (self.paid, before.paid),
            (self.provider_adjusted, before.provider_adjusted),
            (self.segments, before.segments),
        ):
            mine[0] += theirs[-1]


def totals(frame: Frame, tables: Mapping[str, pa.Table], before: Totals | None) -> Totals:
    """Return what the block's transactions add up to, with what the block before knew of the first."""
    size = len(frame.transaction_rows)
    found = Totals.none(size)
    owner = frame.loops.transaction_place
    of_record = owner[frame.rows]
    is_claim = (of_record >= 0) & frame.loops.starts_record[frame.rows]
    found.claims[:] = np.bincount(of_record[is_claim], minlength=size)
    found.segments[:] = np.bincount(owner[frame.skip :][owner[frame.skip :] >= 0], minlength=size)
    first, at = np.unique(of_record[of_record >= 0], return_index=True)
    found.first_line[first] = frame.lines[of_record >= 0][at]
    for into, table, column in (
        (found.paid, "remits", "paid_amount"),
        (found.provider_adjusted, "provider_adjustments", "amount"),
    ):
        if rows := tables.get(table):
            position = np.asarray(rows["transaction_number"]) - frame.first_transaction
            np.add.at(into, position, cents(rows[column].combine_chunks()))
    if before is not None and size:
        found.carry_in(before)
    return found


def transactions(frame: Frame, found: Totals, ended: Mask, zone: ZoneInfo) -> pa.Table:
    """Return the rows of `transactions` for those that ended in this block.

    A payment balances where BPR02 = sum of CLP04 - sum of PLB (ASC X12N 005010X221A1, section 1.10.2).
    """
    segments, loops = frame.segments, frame.loops
    rows = frame.transaction_rows[ended]
    group = loops.latest(segments.having("GS"))[rows]
    interchange = loops.latest(segments.having("ISA"))[rows]
    payment, trace = loops.heading("BPR")[rows], loops.heading("TRN")[rows]
    payer, payee = loops.heading("N1", "PR")[rows], loops.heading("N1", "PE")[rows]
    end = loops.first_in(loops.transaction, segments.having("SE"))[rows]
    amount, _ = money(segments.text(payment, 2))
    is_payment = loops.in_835[rows]
    balances = np.asarray(amount.is_valid()) & (cents(amount) == (found.paid - found.provider_adjusted)[ended])
    return pa.table(
        {
            "line": found.first_line[ended],
            "transaction_number": frame.transaction_number(rows),
            "transaction_type": segments.text(rows, 1),
            "version": frame.versions(rows),
            "interchange_control_number": segments.text(interchange, 13),
            "group_control_number": segments.text(group, 6),
            "transaction_control_number": segments.text(rows, 2),
            "sender_id": segments.text(group, 2),
            "receiver_id": segments.text(group, 3),
            "group_at": group_times(frame, rows, zone),
            "submitted_on": dates(segments.repeated(loops.heading("BHT")[rows], 4))[0],
            "handling_code": segments.text(payment, 1),
            "credit_debit_code": segments.text(payment, 3),
            "payment_amount": amount,
            "payment_method": segments.text(payment, 4),
            "paid_on": dates(segments.repeated(payment, 16))[0],
            "trace_number": segments.text(trace, 2),
            "payer_identifier": segments.text(trace, 3),
            "produced_on": dates(segments.repeated(loops.heading("DTM", "405")[rows], 2))[0],
            "payer_name": segments.text(payer, 2),
            "payee_name": segments.text(payee, 2),
            "payee_id": segments.text(payee, 4),
            "claims": found.claims[ended],
            "claims_paid_amount": as_money(found.paid[ended]),
            "provider_adjustment_amount": as_money(found.provider_adjusted[ended]),
            "is_balanced": pa.array(balances, mask=~is_payment),
            "segments": found.segments[ended],
            "stated_segments": _integers(segments.text(end, 1)),
        }
    )


def imbalances(rows: pa.Table) -> list[str]:
    """Return, for each payment that does not balance, by how much: what a held file's rejects say."""
    said = []
    for row in rows.select(
        ["transaction_number", "payment_amount", "claims_paid_amount", "provider_adjustment_amount", "is_balanced"]
    ).to_pylist():
        if row["is_balanced"] is False:
            due = row["claims_paid_amount"] - row["provider_adjustment_amount"]
            stated = row["payment_amount"]
            by = "BPR02 is missing" if stated is None else f"BPR02 - (sum of CLP04 - sum of PLB) = {stated - due}"
            said.append(f"transaction {row['transaction_number']}: {by}")
    return said


def group_times(frame: Frame, rows: Rows, zone: ZoneInfo) -> pa.Array:
    """Return when the functional group of each segment was made (GS04, GS05: local time of ``zone``), in UTC."""
    segments = frame.segments
    is_group = segments.having("GS")
    groups = np.flatnonzero(is_group)
    days, times = segments.text(groups, 4).to_pylist(), segments.text(groups, 5).to_pylist()
    found = [None, *(_utc(day or "", time or "", zone) for day, time in zip(days, times, strict=True))]
    return pa.array(found, UTC_TIMESTAMP).take(pa.array(np.cumsum(is_group)[rows]))


@lru_cache(maxsize=4096)
def _utc(day: str, time: str, zone: ZoneInfo) -> datetime | None:
    for text, form in ((day + time[:4], "%Y%m%d%H%M"), (day + time[:4], "%y%m%d%H%M"), (day, "%Y%m%d")):
        try:
            return datetime.strptime(text, form).replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
        except ValueError:
            continue
    return None


def _integers(texts: pa.StringArray) -> pa.Array:
    return pa.array([int(t) if t and t.isascii() and t.isdigit() else None for t in texts.to_pylist()], pa.int64())
