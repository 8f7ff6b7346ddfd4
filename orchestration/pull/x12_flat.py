"""What claims and remits have in common when they become rows: owners, findings, adjustments, parties.

Belongs here: the tables that 835 and 837 share, and the helpers both use. Does not belong: their own columns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.pull.x12_loops import Loops
from orchestration.pull.x12_segments import Mask, Rows, Segments
from orchestration.pull.x12_values import cents, dates, money, quantity


@dataclass
class Findings:
    """What was found wrong with records: a mask over the block's records for each finding."""

    size: int
    found: list[tuple[Mask, str, str | None, str, list[str | None] | None]] = field(default_factory=list)

    def add(
        self, records: Mask, rule: str, element: str | None, severity: str = "reject", detail: pa.Array | None = None
    ) -> None:
        """Note a finding for the masked records; ``detail`` has one text per record of the block, never a value."""
        if records.any():
            self.found.append((records, rule, element, severity, detail.to_pylist() if detail is not None else None))

    def add_at(self, owners: Rows, rule: str, element: str | None, severity: str = "reject") -> None:
        """Note a finding for records given by position; -1 is nobody's."""
        mask: Mask = np.zeros(self.size, np.bool_)
        mask[owners[owners >= 0]] = True
        self.add(mask, rule, element, severity)

    @property
    def rejected(self) -> Mask:
        """Records with at least one finding that rejects."""
        masks = [records for records, _, _, severity, _ in self.found if severity == "reject"]
        return np.logical_or.reduce(masks) if masks else np.zeros(self.size, np.bool_)

    def rows(self, lines: Rows, tables: pa.DictionaryArray) -> list[dict[str, object]]:
        """Return the findings as rows of `rejects`."""
        names = tables.to_pylist() if self.found else []
        return [
            {
                "line": int(lines[at]),
                "table_name": names[at],
                "rule": rule,
                "element": element,
                "severity": severity,
                "detail": detail[at] if detail else None,
            }
            for records, rule, element, severity, detail in self.found
            for at in np.flatnonzero(records).tolist()
        ]


@dataclass(frozen=True)
class Frame:
    """One block made ready for flattening.

    ``rows`` are the segments where records begin (a CLM, a CLP, or the last segment of a transaction without either),
    ``first_line`` is the ordinal of the first in the file. Positions in ``rows`` are what "record" means below.
    """

    segments: Segments
    loops: Loops
    skip: int  # leading segments repeated from the block before
    rows: Rows
    first_line: int
    findings: Findings
    first_segment: int  # number in the file of the block's first segment
    transaction_rows: Rows
    first_transaction: int
    goes_on: bool  # whether the last transaction goes on in the next block

    @cached_property
    def lines(self) -> npt.NDArray[np.int64]:
        """The ordinals of the records in the file."""
        return self.first_line + np.arange(len(self.rows))

    def record_of(self, rows: Rows) -> Rows:
        """Return the record (position) that each segment stands in, -1 for none."""
        return self._record_at[self.loops.record[rows]]

    @cached_property
    def _record_at(self) -> Rows:
        """By the segment where a record begins: its position."""
        found: Rows = np.full(len(self.segments) + 1, -1, np.int32)  # one more, so that segment -1 begins none
        found[self.rows] = np.arange(len(self.rows))
        return found

    def next_record(self, rows: Rows) -> Rows:
        """Return the next record of each segment's transaction (perhaps the next block's first), else its last."""
        at = np.searchsorted(self.rows, rows)
        return at - (self._transaction_of[at] != self.loops.transaction[rows])

    def last_record(self, rows: Rows) -> Rows:
        """Return the last record of each segment's transaction before it, else its first."""
        at = np.searchsorted(self.rows, rows)
        return at - (self._transaction_of[at - 1] == self.loops.transaction[rows])

    @cached_property
    def _transaction_of(self) -> Rows:
        """The transaction of each record, and of the next block's first; -2 where that is no concern of this block."""
        following = self.transaction_rows[-1] if self.goes_on else -2
        return np.append(self.loops.transaction[self.rows], following)

    def new(self, mask: Mask) -> Rows:
        """Return the masked segments that were not already in the block before."""
        found = np.flatnonzero(mask)
        return found[found >= self.skip]

    def transaction_number(self, rows: Rows) -> Rows:
        """Return the ordinal in the file of the transaction that each segment stands in."""
        return self.first_transaction + self.transaction_of(rows)

    def transaction_of(self, rows: Rows) -> Rows:
        """Return the last of the block's transactions (position) that began at or before each segment, -1 for none."""
        return np.searchsorted(self.transaction_rows, rows, side="right") - 1

    def versions(self, rows: Rows) -> pa.Array:
        """Return the implementation guide of each segment's transaction: ST03, or GS08 (4010 and all 835)."""
        group = self.loops.latest(self.segments.having("GS"))[rows]
        return pc.coalesce(self.segments.text(self.loops.transaction[rows], 3), self.segments.text(group, 8))

    def segment_number(self, rows: Rows) -> Rows:
        """Return the ordinal in the file of each segment, from 1."""
        return self.first_segment + rows - self.skip

    def line_number(self, rows: Rows) -> pa.Array:
        """Return the ordinal in its record of the service line that each segment stands in; null at record level."""
        record = self.loops.record[rows]
        number = self._lines_begun[rows] - np.where(record >= 0, self._lines_begun[record], 0)
        return pa.array(number, mask=self.loops.line[rows] < 0)

    @cached_property
    def _lines_begun(self) -> Rows:
        """How many service lines of the block have begun with each segment."""
        return np.cumsum(self.loops.line == self.segments.numbers)

    def read_money(self, rows: Rows, element: int | Rows, name: str, owner: Rows, required: bool = False) -> pa.Array:
        """Return an amount of each segment; texts that are none, and missing required ones, reject their record."""
        amounts, wrong = money(self.segments.text(rows, element))
        self.findings.add_at(owner[wrong], "amount_invalid", name)
        if required:
            self.findings.add_at(owner[np.asarray(amounts.is_null()) & ~wrong], "element_missing", name)
        return amounts

    def read_required(self, rows: Rows, element: int, name: str, owner: Rows) -> pa.StringArray:
        """Return a text of each segment; its absence rejects the record."""
        texts = self.segments.text(rows, element)
        self.findings.add_at(owner[np.asarray(texts.is_null())], "element_missing", name)
        return texts

    def read_dates(self, rows: Rows, element: int, name: str, owner: Rows, severity: str = "reject") -> pa.Array:
        """Return a date of each segment; texts that are none are found."""
        days, wrong = dates(self.segments.repeated(rows, element))
        self.findings.add_at(owner[wrong], "date_invalid", name, severity)
        return days

    def sums(self, owner: Rows, amounts: pa.Array) -> npt.NDArray[np.int64]:
        """Return cents by record."""
        total: Rows = np.zeros(len(self.rows), np.int64)
        mine = owner >= 0
        np.add.at(total, owner[mine], cents(amounts)[mine])
        return total


def one_of(number: npt.NDArray[Any], *texts: str) -> pa.DictionaryArray:
    """Return the text that each number (from 0) stands for."""
    return pa.DictionaryArray.from_arrays(pa.array(number.astype(np.int32)), list(texts))


def _place_within(owner: Rows) -> Rows:
    """Return which of its owner's each is, from 1; those of one owner stand together."""
    place = np.arange(len(owner))
    return place - np.maximum.accumulate(np.where(np.diff(owner, prepend=-2) != 0, place, 0)) + 1


def adjustments(frame: Frame) -> tuple[pa.Table, npt.NDArray[np.int64]]:
    """Return the rows of `adjustments`, and by record the cents that its CAS segments take off."""
    segments, loops = frame.segments, frame.loops
    rows, at = segments.repeats(frame.new(segments.having("CAS") & (loops.record >= 0)), first=2, step=3)
    owner = frame.record_of(rows)
    amount = frame.read_money(rows, at + 1, "CAS03", owner)
    reason = segments.repeated(rows, at)
    table = pa.table(
        {
            "line": frame.first_line + owner,
            "record_type": one_of(loops.in_835[rows], "claim", "remit"),
            "line_number": frame.line_number(rows),
            "position": _place_within(owner),
            "group_code": segments.repeated(rows, 1),
            "reason_code": reason,
            "amount": amount,
            "quantity": quantity(segments.text(rows, at + 2)),
        }
    )
    says = pc.or_(reason.is_valid(), amount.is_valid())
    return (table.filter(says) if pc.any(pc.invert(says)).as_py() else table), frame.sums(owner, amount)


def provider_adjustments(frame: Frame) -> pa.Table:
    """Return the rows of `provider_adjustments`."""
    segments = frame.segments
    rows, at = segments.repeats(frame.new(segments.having("PLB") & frame.loops.in_835), first=3, step=2)
    nobody = np.full(len(rows), -1)
    amount, _ = money(segments.text(rows, at + 1))
    return pa.table(
        {
            "line": frame.first_line + frame.last_record(rows),
            "transaction_number": frame.transaction_number(rows),
            "provider_id": segments.text(rows, 1),
            "fiscal_period_end": frame.read_dates(rows, 2, "PLB02", nobody),
            "reason_code": segments.component(rows, at, 1),
            "reference": segments.component(rows, at, 2),
            "amount": amount,
        }
    )


def parties(frame: Frame) -> pa.Table:
    """Return the rows of `parties`."""
    segments, loops = frame.segments, frame.loops
    rows = frame.new(segments.any_of("NM1", "N1") & (loops.transaction >= 0))
    person = segments.is_a(rows, "NM1")
    in_record, in_line = loops.record[rows] >= 0, loops.line[rows] >= 0
    owner = np.where(in_record, frame.record_of(rows), frame.next_record(rows))
    street = loops.first_in(loops.party, segments.having("N3"))[rows]
    place = loops.first_in(loops.party, segments.having("N4"))[rows]
    names = np.where(person, rows, -1)
    return pa.table(
        {
            "line": frame.first_line + owner,  # a heading's first record may only come with the next block
            "transaction_number": frame.transaction_number(rows),
            "level": one_of(np.where(in_line, 2, in_record), "header", "record", "line"),
            "role": segments.repeated(rows, 1),
            "name": segments.text(rows, np.where(person, 3, 2)),
            "given": segments.text(names, 4),
            "middle": segments.text(names, 5),
            "suffix": segments.text(names, 7),
            "id_qualifier": segments.repeated(rows, np.where(person, 8, 3)),
            "id": segments.text(rows, np.where(person, 9, 4)),
            "address": segments.text(street, 1),
            "city": segments.text(place, 1),
            "state": segments.repeated(place, 2),
            "zip": segments.text(place, 3),
        }
    )
