"""The account of X12 records: identity, content hash, version and state of each, and what was found wrong.

Belongs here: the rows of `records` and `rejects`, rules of structure. Does not belong: rules about amounts and dates
(they stand with their columns).
"""

from __future__ import annotations

import itertools
import re
from hashlib import blake2b
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.lake.raw import constant
from orchestration.pull.x12_flat import Frame, one_of
from orchestration.pull.x12_segments import Mask, Rows
from orchestration.pull.x12_transactions import group_times

_SEGMENT_ID = re.compile(r"[A-Z][A-Z0-9]{1,2}")
_HASH_BYTES = 8
_LOST_CHARACTER = "\ufffd".encode()

#: Findings (rule, severity) in a heading whose first record comes with the next block.
Due = list[tuple[str, str]]

#: What makes a record the same one when it is delivered again. A submitted or an adjudicated claim is a fact: with
#: other amounts it is another fact. The payer's number (CLP07) alone stays the same over reversal and correction.
_KEYS = {
    "claims": (
        *("claim_type", "billing_provider_id", "patient_control_number", "payer_sequence", "frequency_code"),
        *("service_from", "charge_amount"),
    ),
    "remits": (
        *("payer_identifier", "trace_number", "payer_claim_control_number", "patient_control_number"),
        *("claim_status_code", "charge_amount", "paid_amount"),
    ),
}


def judge_structure(frame: Frame, ended: Mask, transactions: pa.Table) -> None:
    """Find claims out of place, and transactions that were cut off or miscounted."""
    loops, findings = frame.loops, frame.findings
    in_other = (loops.transaction[frame.rows] >= 0) & ~(loops.in_835 | loops.in_837)[frame.rows]
    findings.add(_misplaced(frame) & ~in_other, "segment_misplaced", "CLM/CLP")
    rows = frame.transaction_rows[ended]
    last = np.full(len(frame.transaction_rows), -1)
    owner = loops.transaction_place[frame.rows]
    last[owner[owner >= 0]] = np.flatnonzero(owner >= 0)
    cut_off = loops.first_in(loops.transaction, frame.segments.having("SE"))[rows] < 0
    findings.add_at(last[ended][cut_off], "truncated", "SE")
    stated = np.asarray(pc.fill_null(transactions["stated_segments"], -1))
    differs = ~cut_off & (stated != np.asarray(transactions["segments"]))
    findings.add_at(last[ended][differs], "segment_count", "SE01", "warn")


def judge_text(frame: Frame, due: Due, at_end: bool) -> Due:
    """Find lost characters and odd segments; return what concerns the first record of the next block.

    A finding in a heading is told of the first record after it, or the interchange's last where it ends before one;
    ``due`` are those of the block before.
    """
    segments, loops = frame.segments, frame.loops
    lost = () if segments.data.isascii() else re.finditer(_LOST_CHARACTER, segments.data)
    spoiled = [match.start() for match in lost]
    spoiled_rows: Rows = np.searchsorted(segments.end, np.array(spoiled, np.int64), side="right")
    odd = frame.new((segments.kinds == 0) & (loops.in_835 | loops.in_837))
    named = np.array([bool(_SEGMENT_ID.fullmatch(t or "")) for t in segments.text(odd, 0).to_pylist()], np.bool_)
    judged = [
        (spoiled_rows[spoiled_rows >= frame.skip], "encoding", "reject"),
        (odd[~named], "segment_invalid", "reject"),
        (odd[named], "segment_unknown", "warn"),
    ]
    size = len(frame.rows)
    later: Due = []
    for rows, rule, severity in judged:
        inside = frame.record_of(rows)
        record = np.where(inside >= 0, inside, np.searchsorted(frame.rows, rows))
        if at_end and size:
            record = np.minimum(record, size - 1)
        if (rule, severity) in due:
            record = np.append(record, 0)
        frame.findings.add_at(record[record < size], rule, None, severity)
        later += [(rule, severity)] * bool((record >= size).any())
    return later


def record_rows(
    frame: Frame, tables: dict[str, pa.Table], claim: Rows, remit: Rows, zone: ZoneInfo
) -> dict[str, pa.Table]:
    """Return the rows of `records` and `rejects` for the block."""
    loops, rows = frame.loops, frame.rows
    hashes = _hashes(frame, rows)
    is_claim, is_remit = (frame.segments.is_a(rows, i) for i in ("CLM", "CLP"))
    state = np.where((loops.in_835 | loops.in_837)[rows], 0, 1)
    state[frame.findings.rejected] = 2
    records = pa.table(
        {
            "line": frame.lines,
            "table_name": one_of(np.where(is_claim, 1, np.where(is_remit, 2, 0)), "transactions", "claims", "remits"),
            "record_id": _record_ids(frame, tables, {"claims": claim, "remits": remit}, hashes),
            "record_hash": hashes,
            "version_at": group_times(frame, rows, zone),
            "op": constant("upsert", len(rows)),
            "parse_state": one_of(state, "parsed", "not_modelled", "rejected"),
        }
    )
    found = frame.findings.rows(frame.lines, records["table_name"])
    return {"records": records} | ({"rejects": pa.Table.from_pylist(found)} if found else {})


def _record_ids(
    frame: Frame, tables: dict[str, pa.Table], records: dict[str, Rows], hashes: pa.StringArray
) -> pa.StringArray:
    """Return the identity of each record: a claim's or remit's key, a whole transaction's content."""
    at: Rows = np.full(len(frame.rows), -1)
    whole = np.flatnonzero(~frame.loops.starts_record[frame.rows])
    at[whole] = np.arange(len(whole))
    found = [pc.binary_join_element_wise("transaction", hashes.take(pa.array(whole)), "|")]
    for name, rows in records.items():
        if name in tables:
            at[rows] = sum(map(len, found)) + np.arange(len(rows))
            found.append(_identities(name, tables[name]))
    return pa.concat_arrays(found).take(pa.array(at, mask=at < 0))


def _identities(name: str, table: pa.Table) -> pa.StringArray:
    """Return the identity of each claim or remit; null where its own number is missing."""
    key = [pc.fill_null(table[column].cast(pa.string()), "") for column in _KEYS[name]]
    joined = pc.binary_join_element_wise(*key, "|")
    known = table["patient_control_number"].is_valid()
    return pc.if_else(known, joined, pa.scalar(None, pa.string())).combine_chunks()


def _hashes(frame: Frame, rows: Rows) -> pa.StringArray:
    """Return a hash of what each record says, with the headings that apply to it but without control numbers."""
    segments, loops = frame.segments, frame.loops
    if not len(rows):
        return pa.array([], pa.string())
    sizes = np.maximum(np.bincount(loops.record[loops.record >= 0], minlength=len(segments))[rows], 1)
    levels = np.stack([level[rows] for level in (loops.transaction, loops.provider, loops.subscriber, loops.patient)])
    levels = np.where(levels[0] >= 0, levels, -1)  # outside of transactions no heading applies
    changes: Rows = np.flatnonzero((levels[:, 1:] != levels[:, :-1]).any(axis=0)) + 1
    begins, ends = segments.begin[rows].tolist(), segments.end[rows + sizes - 1].tolist()
    text, digests = memoryview(segments.data), []
    for first, after in itertools.pairwise([0, *changes.tolist(), len(rows)]):
        starts = [start for start in levels[:, first].tolist() if start >= 0]
        head = b"".join(segments.bytes_of(start + 1, int(loops.region_end[start])) for start in starts)
        headed = _digest(_digest(head).digest())
        for begin, end in zip(begins[first:after], ends[first:after], strict=True):
            said = headed.copy()
            said.update(text[begin:end])
            digests.append(said.digest())
    hexadecimal = pa.py_buffer(b"".join(digests).hex().encode())
    offsets: Rows = np.arange(len(rows) + 1, dtype=np.int32) * (2 * _HASH_BYTES)
    return pa.StringArray.from_buffers(len(rows), pa.py_buffer(offsets), hexadecimal)


def _digest(text: bytes) -> blake2b:
    return blake2b(text, digest_size=_HASH_BYTES)


def _misplaced(frame: Frame) -> Mask:
    """Return which records are a CLM outside an 837 or a CLP outside an 835."""
    segments, loops, rows = frame.segments, frame.loops, frame.rows
    stray_claim = segments.is_a(rows, "CLM") & ~loops.in_837[rows]
    return stray_claim | (segments.is_a(rows, "CLP") & ~loops.in_835[rows])
