"""Small pieces of FHIR R4 JSON that many resources share, and the code systems they are taken from.

Belongs here: references, concepts, identifiers, periods. Does not belong: whole resources.
"""

from __future__ import annotations

from orchestration.sample.clock import offset
from orchestration.sample.write import Json

MRN_SYSTEM = "urn:oid:2.16.840.1.113883.19.5.1"
ACCOUNT_SYSTEM = "urn:oid:2.16.840.1.113883.19.5.2"
MEMBER_SYSTEM = "urn:oid:2.16.840.1.113883.19.5.3"
NPI_SYSTEM = "http://hl7.org/fhir/sid/us-npi"
SSN_SYSTEM = "http://hl7.org/fhir/sid/us-ssn"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SUB_SECTOR = "https://patient-journeys.example/sub-sector"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"


def ref(kind: str, key: str) -> Json:
    """Return a literal reference."""
    return {"reference": f"{kind}/{key}"}


def coding(system: str, code: str, display: str | None = None) -> Json:
    """Return a Coding; HL7 terminology systems may be named by their last part."""
    full = system if ":" in system else f"{TERMINOLOGY}/{system}"
    return {"system": full, "code": code, "display": display} if display else {"system": full, "code": code}


def concept(system: str, code: str, display: str | None = None) -> Json:
    """Return a CodeableConcept of one coding."""
    body: Json = {"coding": [coding(system, code, display)]}
    if display:
        body["text"] = display
    return body


def identifier(code: str, system: str, value: str) -> Json:
    """Return an Identifier with its v2-0203 type and assigning authority."""
    return {"type": concept("v2-0203", code), "system": system, "value": value}


def period(start: int, end: int | None = None) -> Json:
    """Return a Period in local time with offset; open where ``end`` is None."""
    return {"start": offset(start)} if end is None else {"start": offset(start), "end": offset(end)}
