"""Arrow schemas of the raw tables that X12 files become.

Belongs here: columns, with the X12 element each comes from. Does not belong: how they are filled.
``line`` is the ordinal of the delivered record (claim or remit) in its file; money is in dollars.
"""

from __future__ import annotations

import pyarrow as pa

from orchestration.lake.schemas import LOCATOR
from orchestration.pull.x12_values import MONEY

_TEXT, _DATE, _COUNT, _NUMBER, _YES = pa.string(), pa.date32(), pa.int64(), pa.float64(), pa.bool_()


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema([*LOCATOR, ("feed", _TEXT), *columns.items()])


#: One row per transaction set (ST to SE); ``line`` is its first record.
TRANSACTIONS = _schema(
    transaction_number=_COUNT,  # ordinal in the file
    transaction_type=_TEXT,  # ST01: 835, 837, ...
    version=_TEXT,  # ST03, else GS08: 005010X221A1, 004010X098A1, ...
    interchange_control_number=_TEXT,  # ISA13
    group_control_number=_TEXT,  # GS06
    transaction_control_number=_TEXT,  # ST02
    sender_id=_TEXT,  # GS02
    receiver_id=_TEXT,  # GS03
    group_at=pa.timestamp("us"),  # GS04 + GS05, UTC
    submitted_on=_DATE,  # 837: BHT04
    handling_code=_TEXT,  # 835: BPR01
    credit_debit_code=_TEXT,  # BPR03
    payment_amount=MONEY,  # BPR02
    payment_method=_TEXT,  # BPR04
    paid_on=_DATE,  # BPR16
    trace_number=_TEXT,  # TRN02
    payer_identifier=_TEXT,  # TRN03
    produced_on=_DATE,  # DTM*405
    payer_name=_TEXT,  # N1*PR
    payee_name=_TEXT,  # N1*PE
    payee_id=_TEXT,
    claims=_COUNT,
    claims_paid_amount=MONEY,  # sum of CLP04
    provider_adjustment_amount=MONEY,  # sum of PLB amounts
    is_balanced=_YES,  # 835: BPR02 = sum of CLP04 - sum of PLB
    segments=_COUNT,
    stated_segments=_COUNT,  # SE01; null where the transaction is cut off
)

#: One row per CLM.
CLAIMS = _schema(
    transaction_number=_COUNT,
    segment_number=_COUNT,  # of the CLM in the file
    claim_type=_TEXT,  # professional | institutional | dental
    patient_control_number=_TEXT,  # CLM01
    charge_amount=MONEY,  # CLM02
    facility_code=_TEXT,  # CLM05-1: place of service or type of bill
    facility_code_qualifier=_TEXT,  # CLM05-2
    frequency_code=_TEXT,  # CLM05-3: 1 original, 7 replacement, 8 void
    payer_sequence=_TEXT,  # SBR01: P, S, T
    relationship_code=_TEXT,  # SBR02 (18 = self) or PAT01
    group_number=_TEXT,  # SBR03
    filing_code=_TEXT,  # SBR09
    submitted_on=_DATE,  # BHT04
    service_from=_DATE,  # DTP*434, else DTP*472 of the first line
    service_to=_DATE,
    payer_name=_TEXT,  # NM1*PR of the subscriber
    payer_id=_TEXT,
    billing_provider_name=_TEXT,  # NM1*85
    billing_provider_qualifier=_TEXT,  # XX = NPI
    billing_provider_id=_TEXT,
    subscriber_family=_TEXT,  # NM1*IL
    subscriber_given=_TEXT,
    subscriber_qualifier=_TEXT,  # MI = member id
    subscriber_id=_TEXT,
    patient_family=_TEXT,  # NM1*QC, or the subscriber's where the patient is the subscriber
    patient_given=_TEXT,
    patient_middle=_TEXT,
    patient_suffix=_TEXT,
    patient_member_id=_TEXT,
    patient_birth_date=_DATE,
    patient_sex=_TEXT,
    patient_address=_TEXT,
    patient_city=_TEXT,
    patient_state=_TEXT,
    patient_zip=_TEXT,
    medical_record_number=_TEXT,  # REF*EA
    original_claim_number=_TEXT,  # REF*F8
    principal_diagnosis=_TEXT,  # HI01-2 of BK / ABK
    line_charge_amount=MONEY,  # sum of SV1-02 / SV2-03 / SV3-02
)

#: One row per LX of a claim.
CLAIM_LINES = _schema(
    line_number=_COUNT,
    procedure_qualifier=_TEXT,
    procedure_code=_TEXT,
    modifier=_TEXT,
    revenue_code=_TEXT,
    charge_amount=MONEY,
    unit=_TEXT,
    quantity=_NUMBER,
    place_of_service=_TEXT,
    service_from=_DATE,
    service_to=_DATE,
)

#: One row per CLP.
REMITS = _schema(
    transaction_number=_COUNT,
    segment_number=_COUNT,  # of the CLP in the file
    patient_control_number=_TEXT,  # CLP01
    claim_status_code=_TEXT,  # CLP02: 1-3 processed, 4 denied, 22 reversal
    charge_amount=MONEY,  # CLP03
    paid_amount=MONEY,  # CLP04
    patient_responsibility_amount=MONEY,  # CLP05
    filing_code=_TEXT,  # CLP06
    payer_claim_control_number=_TEXT,  # CLP07
    facility_code=_TEXT,  # CLP08
    frequency_code=_TEXT,  # CLP09
    adjustment_amount=MONEY,  # sum of CAS at all levels
    balance_difference_amount=MONEY,  # CLP03 - sum of CAS - CLP04; 0 = balances
    paid_on=_DATE,  # BPR16
    produced_on=_DATE,  # DTM*405
    trace_number=_TEXT,  # TRN02
    payer_identifier=_TEXT,  # TRN03
    payer_name=_TEXT,  # N1*PR
    service_from=_DATE,  # DTM*232, else DTM*150 / 472 of the first line
    service_to=_DATE,  # DTM*233, else DTM*151
    patient_family=_TEXT,  # NM1*QC
    patient_given=_TEXT,
    patient_middle=_TEXT,
    patient_suffix=_TEXT,
    patient_qualifier=_TEXT,  # MI = member id
    patient_id=_TEXT,
    insured_family=_TEXT,  # NM1*IL
    insured_given=_TEXT,
    insured_qualifier=_TEXT,
    insured_id=_TEXT,
    medical_record_number=_TEXT,  # REF*EA
)

#: One row per SVC.
REMIT_LINES = _schema(
    line_number=_COUNT,
    procedure_qualifier=_TEXT,  # SVC01-1
    procedure_code=_TEXT,
    modifier=_TEXT,
    charge_amount=MONEY,  # SVC02
    paid_amount=MONEY,  # SVC03
    revenue_code=_TEXT,  # SVC04
    quantity=_NUMBER,  # SVC05
    service_from=_DATE,  # DTM*150, else DTM*472
    service_to=_DATE,  # DTM*151
)

#: One row per reason of a CAS; ``line_number`` null = claim level.
ADJUSTMENTS = _schema(
    record_type=_TEXT,  # remit | claim (an 837 tells what other payers adjusted)
    line_number=_COUNT,
    position=_COUNT,  # 1-based, over the CAS segments of the record
    group_code=_TEXT,  # CO, PR, OA, PI, CR
    reason_code=_TEXT,
    amount=MONEY,
    quantity=_NUMBER,
)

#: One row per amount of a PLB; ``line`` is the last record before it (none before: the transaction's own).
PROVIDER_ADJUSTMENTS = _schema(
    transaction_number=_COUNT,
    provider_id=_TEXT,  # PLB01
    fiscal_period_end=_DATE,  # PLB02
    reason_code=_TEXT,
    reference=_TEXT,
    amount=MONEY,
)

#: One row per DTP or DTM of a record.
DATES = _schema(
    line_number=_COUNT,  # null = claim level
    qualifier=_TEXT,
    date_from=_DATE,
    date_to=_DATE,
)

#: One row per NM1 or N1; ``line`` is the record it stands in, or the first that it speaks for.
PARTIES = _schema(
    transaction_number=_COUNT,
    level=_TEXT,  # header | record | line
    role=_TEXT,  # 85 billing provider, IL subscriber, QC patient, PR payer, ...
    name=_TEXT,  # family name or organisation
    given=_TEXT,
    middle=_TEXT,
    suffix=_TEXT,
    id_qualifier=_TEXT,
    id=_TEXT,
    address=_TEXT,
    city=_TEXT,
    state=_TEXT,
    zip=_TEXT,
)

TABLES: dict[str, pa.Schema] = {
    "transactions": TRANSACTIONS,
    "claims": CLAIMS,
    "claim_lines": CLAIM_LINES,
    "remits": REMITS,
    "remit_lines": REMIT_LINES,
    "adjustments": ADJUSTMENTS,
    "provider_adjustments": PROVIDER_ADJUSTMENTS,
    "dates": DATES,
    "parties": PARTIES,
}
