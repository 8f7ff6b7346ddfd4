"""One X12 file, block by block, to tables: records are numbered, judged and flattened, nothing is kept but totals.

Belongs here: what passes from block to block. Does not belong: the rows of each table (``x12_claims``, ``x12_remits``,
``x12_records``, ...), writing (``x12``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from orchestration.pull.x12_claims import claims
from orchestration.pull.x12_dates import read_record_dates
from orchestration.pull.x12_flat import Findings, Frame, adjustments, parties, provider_adjustments
from orchestration.pull.x12_loops import Loops
from orchestration.pull.x12_records import Due, judge_structure, judge_text, record_rows
from orchestration.pull.x12_remits import remit_lines, remits
from orchestration.pull.x12_segments import Mask, Rows, Segments
from orchestration.pull.x12_stream import Block
from orchestration.pull.x12_transactions import Totals, imbalances, totals, transactions

Tables = dict[str, pa.Table]


@dataclass
class FileParser:
    """Parses the blocks of one file in order; ``zone`` is where the sender's clock stands."""

    zone: ZoneInfo
    held: list[str] = field(default_factory=list, init=False)  # why the file is held, if it is
    _records: int = field(default=0, init=False)
    _transactions: int = field(default=0, init=False)
    _segments: int = field(default=0, init=False)
    _open: Totals | None = field(default=None, init=False)
    _due: Due = field(default_factory=list, init=False)
    _context: bytes = field(default=b"", init=False)

    def parse(self, block: Block) -> Tables:
        """Return the rows of one block by table, without file and feed."""
        if block.delimiters is None:
            return self._unreadable()
        context = b"" if block.starts_interchange else self._context
        segments = Segments(context + block.data, block.delimiters)
        skip = int(np.searchsorted(segments.end, len(context), side="right"))
        loops = Loops(segments)
        frame, ended = self._frame(segments, loops, skip, loops.is_open and not block.ends_transaction)
        tables = self._flatten(frame, ended, block.ends_interchange)
        self._context = _context(frame)
        self._records += len(frame.rows)
        self._segments += len(segments) - skip
        return tables

    def _frame(self, segments: Segments, loops: Loops, skip: int, goes_on: bool) -> tuple[Frame, Mask]:
        """Find the block's records and transactions; return them and which of the transactions have ended."""
        starts = np.flatnonzero(segments.having("ST"))
        went_on = bool(len(starts)) and int(starts[0]) < skip
        ended: Mask = np.ones(len(starts), np.bool_)
        ended[-1:] = not goes_on
        owner = loops.transaction_place
        claim_rows = np.flatnonzero(loops.starts_record)
        has_claim: Mask = np.zeros(len(starts) + 1, np.bool_)
        has_claim[owner[claim_rows]] = True
        if went_on and self._open is not None:
            has_claim[0] |= self._open.claims[-1] > 0
        # A transaction without any claim is a record itself; its last segment stands for it.
        inside = np.flatnonzero(owner >= 0)
        last: Rows = np.zeros(len(starts), np.int64)
        last[owner[inside]] = inside
        rows = np.sort(np.concatenate([claim_rows, last[ended & ~has_claim[:-1]]]))
        frame = Frame(
            segments=segments,
            loops=loops,
            skip=skip,
            rows=rows,
            first_line=self._records + 1,
            findings=Findings(len(rows)),
            first_segment=self._segments + 1,
            transaction_rows=starts,
            first_transaction=self._transactions + (0 if went_on else 1),
            goes_on=goes_on,
        )
        self._transactions = frame.first_transaction + len(starts) - 1
        if not went_on:
            self._open = None
        return frame, ended

    def _flatten(self, frame: Frame, ended: Mask, at_end: bool) -> Tables:
        """Judge the block's records and return the rows of every table."""
        loops, rows = frame.loops, frame.rows
        is_clm, is_clp = (frame.segments.is_a(rows, i) for i in ("CLM", "CLP"))
        claim, remit = np.flatnonzero(is_clm & loops.in_837[rows]), np.flatnonzero(is_clp & loops.in_835[rows])
        dated = read_record_dates(frame)
        adjusted, by_record = adjustments(frame)
        tables: Tables = {"dates": dated.table, "adjustments": adjusted, "parties": parties(frame)}
        if loops.in_835.any():
            tables["remits"] = remits(frame, remit, by_record, dated)
            tables["remit_lines"] = remit_lines(frame, dated)
        if frame.segments.having("PLB").any():
            tables["provider_adjustments"] = provider_adjustments(frame)
        if loops.in_837.any():
            tables["claims"], tables["claim_lines"] = claims(frame, claim, dated)
        found = totals(frame, tables, self._open)
        tables["transactions"] = transactions(frame, found, ended, self.zone)
        self.held += imbalances(tables["transactions"])
        self._open = found.last() if frame.goes_on else None
        judge_structure(frame, ended, tables["transactions"])
        self._due = judge_text(frame, self._due, at_end)
        tables |= record_rows(frame, tables, claim, remit, self.zone)
        return tables

    def _unreadable(self) -> Tables:
        """Return one rejected record for text that begins without a readable ISA: its delimiters are unknown."""
        self._records += 1
        place = {"line": [self._records], "table_name": ["transactions"]}
        state = {"op": ["upsert"], "parse_state": ["rejected"]}
        finding = {"rule": ["isa_unreadable"], "element": ["ISA"], "severity": ["reject"]}
        return {"records": pa.table(place | state), "rejects": pa.table(place | finding)}


def _context(frame: Frame) -> bytes:
    """Return the segments that the next block needs before its own: the envelope, and headings that still apply."""
    loops = frame.loops
    segments, end = loops.segments, len(loops.segments) - 1
    envelope = [int(loops.latest(segments.having(i))[end]) for i in ("ISA", "GS")]
    parts = [segments.bytes_of(row, row + 1) for row in envelope if row >= 0]
    if frame.goes_on:
        parts += [segments.bytes_of(row, int(loops.region_end[row])) for row in loops.headings(end)]
    return b"".join(parts)
