"""The loops of X12 835 and 837: which transaction, record, service line and party each segment belongs to.

Belongs here: the implementation guides' loop structure, as far as records need it (2000-2430 of the 837, 2000-2110 of
the 835; 5010 and 4010 alike). Does not belong: the columns that come out (``x12_claims``, ``x12_remits``).

X12 has no closing tags: a loop lasts until a segment that cannot be inside it. So each loop is a pair of masks, the
segments that start it and those that end it, and every segment belongs to what the last of these says.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from orchestration.pull.x12_segments import Mask, Rows, Segments, code

#: Segments that end what is known of a party: its address, birth date and references stand directly below it.
_AFTER_PARTY = ("ST", "HL", "CLM", "CLP", "LX", "SVC", "SBR", "PAT", "OI", "CAS", "SV1", "SV2", "SV3", "SE")
_ENVELOPE = ("ISA", "GS", "GE", "IEA")


class Loops:
    """Loop membership of the segments of one block. Every array holds segment numbers, -1 where there is none."""

    def __init__(self, segments: Segments) -> None:
        self.segments = segments

    def within(self, starts: Mask, stops: Mask) -> Rows:
        """Return for each segment the start of the loop it stands in; a start that also stops is a start."""
        turns = np.flatnonzero(starts | stops)
        return self._until_next(turns, np.where(starts[turns], turns, -1))

    def latest(self, mask: Mask) -> Rows:
        """Return for each segment the last of the masked segments at or before it."""
        rows = np.flatnonzero(mask)
        return self._until_next(rows, rows)

    def _until_next(self, rows: Rows, values: Rows) -> Rows:
        """Return for each segment the value of the last of ``rows`` at or before it; -1 before the first."""
        told = np.concatenate(([-1], values)).astype(np.int32)
        return np.repeat(told, np.diff(rows, prepend=0, append=len(self.segments)))

    def first_in(self, owner: Rows, mask: Mask) -> Rows:
        """Return, by owning segment, the first masked segment that belongs to it."""
        found: Rows = np.full(len(self.segments) + 1, -1, np.int32)  # one more, so that owner -1 finds nothing
        hits = np.flatnonzero(mask & (owner >= 0))[::-1]
        found[owner[hits]] = hits
        return found

    @cached_property
    def transaction(self) -> Rows:
        """The ST that each segment, up to and with its SE, belongs to."""
        after_end: Mask = np.zeros(len(self.segments), np.bool_)
        after_end[1:] = self.segments.having("SE")[:-1]
        return self.within(self.segments.having("ST"), after_end | self.segments.any_of(*_ENVELOPE))

    @cached_property
    def transaction_place(self) -> Rows:
        """Which of the block's transactions, from 0, each segment stands in; -1 where in none."""
        return np.where(self.transaction >= 0, np.cumsum(self.segments.having("ST"), dtype=np.int32) - 1, -1)

    @property
    def is_open(self) -> bool:
        """Whether the last segment stands in a transaction that may go on after it."""
        return bool(len(self.segments) and self.transaction[-1] >= 0 and not self.segments.having("SE")[-1])

    @cached_property
    def in_835(self) -> Mask:
        """Segments of payments (835)."""
        return self._of_type("835")

    @cached_property
    def in_837(self) -> Mask:
        """Segments of claims (837)."""
        return self._of_type("837")

    @cached_property
    def starts_record(self) -> Mask:
        """CLM and CLP segments, wherever they stand."""
        return self.segments.any_of("CLM", "CLP")

    @cached_property
    def record(self) -> Rows:
        """The CLM or CLP that each segment belongs to."""
        ends = self.segments.any_of("HL", "ST", "SE", "PLB", *_ENVELOPE) | (self.segments.having("LX") & self.in_835)
        return self.within(self.starts_record, ends)

    @cached_property
    def line(self) -> Rows:
        """The LX (837) or SVC (835) that each segment belongs to."""
        starts = (self.segments.having("LX") & self.in_837) | (self.segments.having("SVC") & self.in_835)
        return self.within(starts & (self.record >= 0), self.starts_record | (self.record < 0))

    @cached_property
    def party(self) -> Rows:
        """The NM1 or N1 that each segment describes."""
        return self.within(self.segments.any_of("NM1", "N1"), self.segments.any_of(*_AFTER_PARTY))

    @cached_property
    def region(self) -> Rows:
        """The ST or HL whose heading (what applies to several records) each segment is part of."""
        ends = self.segments.any_of("CLM", "CLP", "LX", "PLB", "SE", *_ENVELOPE)
        return self.within(self.segments.any_of("ST", "HL"), ends)

    @cached_property
    def region_end(self) -> Rows:
        """By the number of an ST or HL: the first segment after its heading."""
        inside = self.region[self.region >= 0]
        return self.segments.numbers + np.bincount(inside, minlength=len(self.segments))

    @cached_property
    def subscriber(self) -> Rows:
        """The HL of the subscriber (level 22) that applies at each segment."""
        latest = self._level("22")
        return np.where(latest > self._level("20"), latest, -1)

    @cached_property
    def patient(self) -> Rows:
        """The HL of the patient (level 23) that applies at each segment; none where the subscriber is the patient."""
        latest = self._level("23")
        return np.where((self.subscriber >= 0) & (latest > self.subscriber), latest, -1)

    @cached_property
    def provider(self) -> Rows:
        """The HL of the billing provider (level 20) that applies at each segment."""
        return self._level("20")

    def heading(self, identifier: str, *qualifiers: str) -> Rows:
        """Return, by the number of an ST or HL, the first such segment in its heading."""
        return self.first_in(self.region, self.segments.having(identifier, *qualifiers))

    def headings(self, row: int) -> tuple[int, ...]:
        """Return the ST and the HLs whose headings apply at a segment."""
        found = (self.transaction[row], self.provider[row], self.subscriber[row], self.patient[row])
        return tuple(int(start) for start in found if start >= 0)

    def _level(self, hierarchy: str) -> Rows:
        levels = self.segments.having("HL")
        rows = np.flatnonzero(levels)
        if not len(rows):  # an 835
            return np.full(len(self.segments), -1, np.int32)
        at_level: Mask = np.zeros(len(self.segments), np.bool_)
        at_level[rows[self.segments.codes(rows, 3) == code(hierarchy)]] = True
        return self.within(at_level, self.segments.any_of("ST", *_ENVELOPE))

    def _of_type(self, transaction_type: str) -> Mask:
        types = self.segments.qualifiers[self.segments.having("ST")]
        is_of_type: Mask = np.append(types == code(transaction_type), False)  # transaction -1 has no type
        return is_of_type[self.transaction_place]
