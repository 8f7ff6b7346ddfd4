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
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.pull.x12_flat import Frame
from orchestration.pull.x12_segments import Mask, Rows
from orchestration.pull.x12_transactions import group_times, transaction_position

_SEGMENT_ID = re.compile(r"[A-Z][A-Z0-9]{1,2}")
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
    owner = transaction_position(loops, frame.transaction_rows)[frame.rows]
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
    names: npt.NDArray[np.object_] = np.full(len(rows), "transactions", object)
    names[frame.segments.is_a(rows, "CLM")] = "claims"
    names[frame.segments.is_a(rows, "CLP")] = "remits"
    identities: npt.NDArray[np.object_] = np.full(len(rows), None, object)
    for name, at in (("claims", claim), ("remits", remit)):
        if name in tables:
            identities[at] = _identities(name, tables[name])
    whole = np.flatnonzero(~loops.starts_record[rows])
    identities[whole] = [f"transaction|{h}" for h in _hashes(frame, rows[whole])]
    states: npt.NDArray[np.object_] = np.full(len(rows), "parsed", object)
    states[~(loops.in_835 | loops.in_837)[rows]] = "not_modelled"
    states[frame.findings.rejected] = "rejected"
    records = pa.table(
        {
            "line": frame.lines,
            "table_name": pa.array(names, pa.string()),
            "record_id": pa.array(identities, pa.string()),
            "record_hash": pa.array(_hashes(frame, rows), pa.string()),
            "version_at": group_times(frame, rows, zone),
            "op": pa.repeat("upsert", len(rows)),
            "parse_state": pa.array(states, pa.string()),
        }
    )
    found = frame.findings.rows(frame.lines, records["table_name"])
    return {"records": records} | ({"rejects": pa.Table.from_pylist(found)} if found else {})


def _identities(name: str, table: pa.Table) -> list[str | None]:
    """Return the identity of each claim or remit; null where its own number is missing."""
    key = [pc.fill_null(table[column].cast(pa.string()), "") for column in _KEYS[name]]
    joined = pc.binary_join_element_wise(*key, "|")
    known = table["patient_control_number"].is_valid()
    return pc.if_else(known, joined, pa.scalar(None, pa.string())).to_pylist()  # type: ignore[no-any-return]


def _hashes(frame: Frame, rows: Rows) -> list[str]:
    """Return a hash of what each record says, with the headings that apply to it but without control numbers."""
    segments, loops = frame.segments, frame.loops
    if not len(rows):
        return []
    sizes = np.maximum(np.bincount(loops.record[loops.record >= 0], minlength=len(segments))[rows], 1)
    levels = np.stack([level[rows] for level in (loops.transaction, loops.provider, loops.subscriber, loops.patient)])
    levels = np.where(levels[0] >= 0, levels, -1)  # outside of transactions no heading applies
    changes: Rows = np.flatnonzero((levels[:, 1:] != levels[:, :-1]).any(axis=0)) + 1
    heads: list[bytes] = []
    for first, after in itertools.pairwise([0, *changes.tolist(), len(rows)]):
        starts = [start for start in levels[:, first].tolist() if start >= 0]
        head = b"".join(segments.bytes_of(start + 1, int(loops.region_end[start])) for start in starts)
        heads += [blake2b(head, digest_size=8).digest()] * (after - first)
    begins, ends, text = segments.begin[rows].tolist(), segments.end[rows + sizes - 1].tolist(), segments.data
    digests = (
        blake2b(head + text[begin:end], digest_size=8).digest()
        for head, begin, end in zip(heads, begins, ends, strict=True)
    )
    hexadecimal = b"".join(digests).hex()
    return [hexadecimal[at : at + 16] for at in range(0, len(hexadecimal), 16)]


def _misplaced(frame: Frame) -> Mask:
    """Return which records are a CLM outside an 837 or a CLP outside an 835."""
    segments, loops, rows = frame.segments, frame.loops, frame.rows
    stray_claim = segments.is_a(rows, "CLM") & ~loops.in_837[rows]
    return stray_claim | (segments.is_a(rows, "CLP") & ~loops.in_835[rows])
