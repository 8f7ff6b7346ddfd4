"""The 837: claims (CLM) and their service lines (LX), professional, institutional and dental.

Belongs here: the columns of `claims` and `claim_lines`. Does not belong: the loops themselves (``x12_loops``).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.pull.x12_dates import RecordDates
from orchestration.pull.x12_flat import Frame
from orchestration.pull.x12_segments import Mask, Rows
from orchestration.pull.x12_values import as_money, cents, quantity

#: Implementation guides by the number in ST03 or GS08 (5010 and 4010).
_GUIDES = {
    "X222": "professional",
    "X098": "professional",
    "X223": "institutional",
    "X096": "institutional",
    "X224": "dental",
    "X097": "dental",
}
_SERVICES = ("SV1", "SV2", "SV3")


def claims(frame: Frame, claim: Rows, dated: RecordDates) -> tuple[pa.Table, pa.Table]:
    """Return the rows of `claims` for the records ``claim`` (positions), and those of `claim_lines`."""
    segments, loops = frame.segments, frame.loops
    rows = frame.rows[claim]
    lines, charged = _lines(frame, dated)
    charge = frame.read_money(rows, 2, "CLM02", claim, required=True)
    _judge(frame, claim, cents(charge) != charged[claim])
    service_from, service_to = dated.span(loops.record, rows, ("434",), ("472",))
    header = loops.heading("BHT")[loops.transaction[rows]]
    references = {q: loops.first_in(loops.record, segments.having("REF", q))[rows] for q in ("EA", "F8")}
    diagnosis = loops.first_in(loops.record, segments.having("HI") & _principal(frame))[rows]
    table = pa.table(
        {
            "line": frame.lines[claim],
            "transaction_number": frame.transaction_number(rows),
            "segment_number": frame.segment_number(rows),
            "claim_type": _types(frame, rows),
            "patient_control_number": frame.read_required(rows, 1, "CLM01", claim),
            "charge_amount": charge,
            "facility_code": segments.component(rows, 5, 1),
            "facility_code_qualifier": segments.component(rows, 5, 2),
            "frequency_code": segments.component(rows, 5, 3),
            **_insurance(frame, rows),
            "submitted_on": frame.read_dates(header, 4, "BHT04", claim, "warn"),
            "service_from": service_from,
            "service_to": service_to,
            **_people(frame, rows, claim),
            "medical_record_number": segments.text(references["EA"], 2),
            "original_claim_number": segments.text(references["F8"], 2),
            "principal_diagnosis": segments.component(diagnosis, 1, 2),
            "line_charge_amount": as_money(charged[claim]),
        }
    )
    return table, lines


def _insurance(frame: Frame, rows: Rows) -> dict[str, pa.Array]:
    """Return the subscriber's policy and the billing provider of each claim."""
    segments, loops = frame.segments, frame.loops
    subscriber, patient = loops.subscriber[rows], loops.patient[rows]
    policy = loops.heading("SBR")[subscriber]
    payer = loops.heading("NM1", "PR")[subscriber]
    provider = loops.heading("NM1", "85")[loops.provider[rows]]
    relation = pc.coalesce(segments.text(policy, 2), segments.text(loops.heading("PAT")[patient], 1))
    return {
        "payer_sequence": segments.repeated(policy, 1),
        "relationship_code": relation,
        "group_number": segments.text(policy, 3),
        "filing_code": segments.repeated(policy, 9),
        "payer_name": segments.text(payer, 3),
        "payer_id": segments.text(payer, 9),
        "billing_provider_name": segments.text(provider, 3),
        "billing_provider_qualifier": segments.repeated(provider, 8),
        "billing_provider_id": segments.text(provider, 9),
    }


def _people(frame: Frame, rows: Rows, claim: Rows) -> dict[str, pa.Array]:
    """Return the subscriber and the patient of each claim; without a patient loop they are the same person."""
    segments, loops = frame.segments, frame.loops
    subscriber = loops.heading("NM1", "IL")[loops.subscriber[rows]]
    dependent = loops.heading("NM1", "QC")[loops.patient[rows]]
    patient = np.where(loops.patient[rows] >= 0, dependent, subscriber)
    birth, street, place = (loops.first_in(loops.party, segments.having(i))[patient] for i in ("DMG", "N3", "N4"))
    return {
        "subscriber_family": segments.text(subscriber, 3),
        "subscriber_given": segments.text(subscriber, 4),
        "subscriber_qualifier": segments.repeated(subscriber, 8),
        "subscriber_id": segments.text(subscriber, 9),
        "patient_family": segments.text(patient, 3),
        "patient_given": segments.text(patient, 4),
        "patient_middle": segments.text(patient, 5),
        "patient_suffix": segments.text(patient, 7),
        "patient_member_id": segments.text(patient, 9),
        "patient_birth_date": frame.read_dates(birth, 2, "DMG02", claim, "warn"),
        "patient_sex": segments.repeated(birth, 3),
        "patient_address": segments.text(street, 1),
        "patient_city": segments.text(place, 1),
        "patient_state": segments.repeated(place, 2),
        "patient_zip": segments.text(place, 3),
    }


def _lines(frame: Frame, dated: RecordDates) -> tuple[pa.Table, npt.NDArray[np.int64]]:
    """Return the rows of `claim_lines`, and by record the cents that its lines charge."""
    segments, loops = frame.segments, frame.loops
    rows = frame.new(loops.in_837 & (loops.line == segments.numbers))
    owner = frame.record_of(rows)
    service = loops.first_in(loops.line, segments.any_of(*_SERVICES))[rows]
    # SV2 starts with a revenue code, so its elements stand one further right; SV3 has no unit.
    shift = segments.is_a(service, "SV2").astype(np.int32)
    is_dental = segments.is_a(service, "SV3")
    professional = np.where((shift == 0) & ~is_dental, service, -1)
    medical = np.where(is_dental, -1, service)
    charge = frame.read_money(service, 2 + shift, "SV102", owner)
    service_from, service_to = dated.span(loops.line, rows, ("472",))
    table = pa.table(
        {
            "line": frame.first_line + owner,
            "line_number": frame.line_number(rows),
            "procedure_qualifier": segments.component(service, 1 + shift, 1),
            "procedure_code": segments.component(service, 1 + shift, 2),
            "modifier": segments.component(service, 1 + shift, 3),
            "revenue_code": segments.repeated(np.where(shift == 1, service, -1), 1),
            "charge_amount": charge,
            "unit": segments.repeated(medical, 3 + shift),
            "quantity": quantity(segments.text(medical, 4 + shift)),
            "place_of_service": segments.repeated(professional, 5),
            "service_from": service_from,
            "service_to": service_to,
        }
    )
    return table, frame.sums(owner, charge)


def _types(frame: Frame, rows: Rows) -> pa.Array:
    """Return the kind of each claim by its transaction's implementation guide; null where it names none we know."""
    version = frame.versions(rows)
    known = pc.struct_field(pc.extract_regex(version, r"(?P<guide>X\d{3})"), "guide").cast(pa.string())
    at = pc.index_in(known, pa.array(list(_GUIDES)))
    return pa.array(list(_GUIDES.values())).take(at)


def _principal(frame: Frame) -> npt.NDArray[np.bool_]:
    """Return which HI segments begin with the principal diagnosis."""
    rows = np.flatnonzero(frame.segments.having("HI"))
    found: Mask = np.zeros(len(frame.segments), np.bool_)
    qualifier = frame.segments.component(rows, 1, 1)
    found[rows] = np.asarray(pc.fill_null(pc.is_in(qualifier, pa.array(["BK", "ABK"])), False))
    return found


def _judge(frame: Frame, claim: Rows, differs: npt.NDArray[np.bool_]) -> None:
    """Note claims whose total is not the sum of their lines: odd, but the payer's business, so they pass."""
    frame.findings.add_at(claim[differs], "line_charges_differ", "CLM02", "warn")
