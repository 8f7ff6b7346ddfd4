"""The account of X12 records: identity, content hash, version and state of each, and what was found wrong.

Belongs here: the rows of `records` and `rejects`, rules of structure. Does not belong: rules about amounts and dates
(they stand with their columns).
"""

from __future__ import annotations

import re
from hashlib import blake2b
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.pull.x12_flat import Frame
from orchestration.pull.x12_segments import Mask, Rows, code
from orchestration.pull.x12_transactions import group_times, transaction_position

#: Segments of the 835 and 837 guides, and of the envelope.
_KNOWN = """
    AMT BHT BPR CAS CL1 CLM CLP CN1 CR1 CR2 CR3 CR5 CR6 CRC CTP CUR DMG DN1 DN2 DSB DTM DTP FRM GE GS HCP HI HL HSD
    IEA IMM ISA K3 LIN LQ LX MEA MIA MOA N1 N2 N3 N4 NM1 NTE OI PAT PER PLB PRV PS1 PWK QTY RAS RDM REF RMR SBR SE ST
    SV1 SV2 SV3 SV5 SVC SVD TA1 TOO TRN TS2 TS3 UR
"""
_KNOWN_CODES = np.array([code(i) for i in _KNOWN.split()], np.uint32)
_SEGMENT_ID = re.compile(r"[A-Z][A-Z0-9]{1,2}")
_LOST_CHARACTER = "\ufffd".encode()

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
    """Find lost characters, odd segments, claims out of place, and transactions that were cut off or miscounted."""
    segments, loops, findings = frame.segments, frame.loops, frame.findings
    spoiled = [match.start() for match in re.finditer(_LOST_CHARACTER, segments.data)]
    findings.add_at(_concerned(frame, np.searchsorted(segments.end, spoiled, side="right")), "encoding", None)
    readable = loops.in_835 | loops.in_837
    odd = frame.new(~np.isin(segments.ids, _KNOWN_CODES) & readable)
    named = np.array([bool(_SEGMENT_ID.fullmatch(t or "")) for t in segments.text(odd, 0).to_pylist()], np.bool_)
    for rows, rule, severity in ((odd[~named], "segment_invalid", "reject"), (odd[named], "segment_unknown", "warn")):
        findings.add_at(_concerned(frame, rows), rule, None, severity)
    in_other = (loops.transaction[frame.rows] >= 0) & ~readable[frame.rows]
    findings.add(_misplaced(frame) & ~in_other, "segment_misplaced", "CLM/CLP")

    rows = frame.transaction_rows[ended]
    last = np.full(len(frame.transaction_rows), -1)
    owner = transaction_position(loops, frame.transaction_rows)[frame.rows]
    last[owner[owner >= 0]] = np.flatnonzero(owner >= 0)
    cut_off = loops.first_in(loops.transaction, segments.having("SE"))[rows] < 0
    findings.add_at(last[ended][cut_off], "truncated", "SE")
    stated = np.asarray(pc.fill_null(transactions["stated_segments"], -1))
    differs = ~cut_off & (stated != np.asarray(transactions["segments"]))
    findings.add_at(last[ended][differs], "segment_count", "SE01", "warn")


def record_rows(
    frame: Frame, tables: dict[str, pa.Table], claim: Rows, remit: Rows, zone: ZoneInfo
) -> dict[str, pa.Table]:
    """Return the rows of `records` and `rejects` for the block."""
    loops, rows = frame.loops, frame.rows
    names: npt.NDArray[np.object_] = np.full(len(rows), "transactions", object)
    names[frame.segments.ids[rows] == code("CLM")] = "claims"
    names[frame.segments.ids[rows] == code("CLP")] = "remits"
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
    ends = rows + np.maximum(np.bincount(loops.record[loops.record >= 0], minlength=len(segments))[rows], 1)
    levels = (loops.transaction[rows], loops.provider[rows], loops.subscriber[rows], loops.patient[rows])
    heads: dict[tuple[int, ...], bytes] = {}
    found = []
    for key, row, end in zip(
        zip(*(level.tolist() for level in levels), strict=True), rows.tolist(), ends.tolist(), strict=True
    ):
        head = heads.get(key)
        if head is None:
            parts = [segments.bytes_of(start + 1, int(loops.region_end[start])) for start in key if start >= 0]
            head = heads[key] = blake2b(b"".join(parts), digest_size=8).digest()
        found.append(blake2b(head + segments.bytes_of(row, end), digest_size=8).hexdigest())
    return found


def _concerned(frame: Frame, rows: Rows) -> Rows:
    """Return the record (position) that each segment stands in, or else the first one after it."""
    if not len(frame.rows):
        return np.full(len(rows), -1)
    following = np.minimum(np.searchsorted(frame.rows, rows), len(frame.rows) - 1)
    inside = frame.record_of(rows)
    return np.where(inside >= 0, inside, following)


def _misplaced(frame: Frame) -> Mask:
    """Return which records are a CLM outside an 837 or a CLP outside an 835."""
    ids, loops, rows = frame.segments.ids[frame.rows], frame.loops, frame.rows
    return ((ids == code("CLM")) & ~loops.in_837[rows]) | ((ids == code("CLP")) & ~loops.in_835[rows])
