"""The 835: remits (CLP) and their service lines (SVC), and whether each claim balances.

Belongs here: the columns of `remits` and `remit_lines`. Does not belong: the payment as a whole (``x12_transactions``).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from orchestration.pull.x12_dates import RecordDates
from orchestration.pull.x12_flat import Frame
from orchestration.pull.x12_segments import Mask, Rows
from orchestration.pull.x12_values import as_money, cents, dates, quantity


def remits(frame: Frame, remit: Rows, adjusted: npt.NDArray[np.int64], dated: RecordDates) -> pa.Table:
    """Return the rows of `remits` for the records ``remit`` (positions); ``adjusted`` is the sum of CAS by record.

    A claim that does not balance (CLP03 - sum of CAS - CLP04 <> 0) is found with its difference
    (ASC X12N 005010X221A1, section 1.10.2).
    """
    segments, loops = frame.segments, frame.loops
    rows = frame.rows[remit]
    patient = loops.first_in(loops.record, segments.having("NM1", "QC"))[rows]
    insured = loops.first_in(loops.record, segments.having("NM1", "IL"))[rows]
    record_number = loops.first_in(loops.record, segments.having("REF", "EA"))[rows]
    charge = frame.read_money(rows, 3, "CLP03", remit, required=True)
    paid = frame.read_money(rows, 4, "CLP04", remit, required=True)
    difference = cents(charge) - adjusted[remit] - cents(paid)
    _judge(frame, remit, difference)
    service_from, service_to = dated.span(loops.record, rows, ("232", "233"), ("150", "151", "472"))
    return pa.table(
        {
            "line": frame.lines[remit],
            "transaction_number": frame.transaction_number(rows),
            "segment_number": frame.segment_number(rows),
            "patient_control_number": frame.read_required(rows, 1, "CLP01", remit),
            "claim_status_code": segments.repeated(rows, 2),
            "charge_amount": charge,
            "paid_amount": paid,
            "patient_responsibility_amount": frame.read_money(rows, 5, "CLP05", remit),
            "filing_code": segments.repeated(rows, 6),
            "payer_claim_control_number": segments.text(rows, 7),
            "facility_code": segments.repeated(rows, 8),
            "frequency_code": segments.repeated(rows, 9),
            "adjustment_amount": as_money(adjusted[remit]),
            "balance_difference_amount": as_money(difference),
            **_payment(frame, rows, remit),
            "service_from": service_from,
            "service_to": service_to,
            "patient_family": segments.text(patient, 3),
            "patient_given": segments.text(patient, 4),
            "patient_middle": segments.text(patient, 5),
            "patient_suffix": segments.text(patient, 7),
            "patient_qualifier": segments.repeated(patient, 8),
            "patient_id": segments.text(patient, 9),
            "insured_family": segments.text(insured, 3),
            "insured_given": segments.text(insured, 4),
            "insured_qualifier": segments.repeated(insured, 8),
            "insured_id": segments.text(insured, 9),
            "medical_record_number": segments.text(record_number, 2),
        }
    )


def remit_lines(frame: Frame, dated: RecordDates) -> pa.Table:
    """Return the rows of `remit_lines`."""
    segments, loops = frame.segments, frame.loops
    rows = frame.new(segments.having("SVC") & (loops.line >= 0))
    owner = frame.record_of(rows)
    service_from, service_to = dated.span(loops.line, rows, ("150", "151", "472"))
    return pa.table(
        {
            "line": frame.first_line + owner,
            "line_number": frame.line_number(rows),
            "procedure_qualifier": segments.component(rows, 1, 1),
            "procedure_code": segments.component(rows, 1, 2),
            "modifier": segments.component(rows, 1, 3),
            "charge_amount": frame.read_money(rows, 2, "SVC02", owner, required=True),
            "paid_amount": frame.read_money(rows, 3, "SVC03", owner),
            "revenue_code": segments.repeated(rows, 4),
            "quantity": quantity(segments.text(rows, 5)),
            "service_from": service_from,
            "service_to": service_to,
        }
    )


def _payment(frame: Frame, rows: Rows, remit: Rows) -> dict[str, pa.Array]:
    """Return what the payment says of each of its remits: it is read once a payment."""
    segments, loops = frame.segments, frame.loops
    payments = frame.transaction_rows
    of_remit = frame.transaction_of(rows)
    taken = pa.array(of_remit)
    trace = loops.heading("TRN")[payments]
    days = {}
    for name, at, element, said in (
        ("paid_on", loops.heading("BPR"), 16, "BPR16"),
        ("produced_on", loops.heading("DTM", "405"), 2, "DTM02"),
    ):
        found, wrong = dates(segments.repeated(at[payments], element))
        frame.findings.add_at(remit[wrong[of_remit]], "date_invalid", said, "warn")
        days[name] = found.take(taken)
    texts = {
        "trace_number": segments.repeated(trace, 2),
        "payer_identifier": segments.repeated(trace, 3),
        "payer_name": segments.repeated(loops.heading("N1", "PR")[payments], 2),
    }
    return days | {name: said.take(taken) for name, said in texts.items()}


def _judge(frame: Frame, remit: Rows, difference: npt.NDArray[np.int64]) -> None:
    """Note the remits that do not balance."""
    off: Mask = np.zeros(len(frame.rows), np.bool_)
    off[remit] = difference != 0
    if off.any():
        details: npt.NDArray[np.object_] = np.full(len(frame.rows), None, object)
        details[remit] = [f"CLP03 - sum of CAS - CLP04 = {cents_ / 100:.2f}" for cents_ in difference.tolist()]
        frame.findings.add(off, "unbalanced_claim", "CLP04", detail=pa.array(details, pa.string()))
