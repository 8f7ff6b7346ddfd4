"""Reading an existing FHIR delivery, as far as the simulation needs it.

Belongs here: resources of a type, and what is taken from Encounter, MedicationRequest, Organization. Does not belong:
checking them: lines that cannot be read are passed over, the pipeline rejects them. Of a resource that comes more than
once the first is taken. Files are streamed.
"""

from __future__ import annotations

import gzip
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import orjson

from orchestration.sample.clock import MINUTE, Period
from orchestration.sample.drugs import PRODUCTS
from orchestration.sample.fhir import ACCOUNT_SYSTEM
from orchestration.sample.hospital import Department
from orchestration.sample.write import Json


class Seen(NamedTuple):
    """An encounter of the delivery, as far as it matters here."""

    id: str
    account: str
    kind: str
    dept: str
    practitioner: str
    reason: tuple[str, str]
    start: int
    end: int


class Drug(NamedTuple):
    """A medication request of the delivery."""

    id: str
    patient: str
    code: tuple[str, str]
    start: int
    lasting: bool


def resources(folder: Path, kind: str) -> Iterator[Json]:
    """Yield the resources of one type from all its files, plain or gzipped; lines that cannot be read are skipped."""
    met: set[object] = {None}
    for path in sorted(folder.rglob(f"{kind}*.ndjson*")):
        if path.name.split(".")[0] != kind or path.name.split(".ndjson")[1] not in {"", ".gz"}:
            continue
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
            for line in lines:
                try:
                    body = orjson.loads(line)
                except orjson.JSONDecodeError:
                    continue
                if isinstance(body, dict) and body.get("resourceType") == kind and body.get("id") not in met:
                    met.add(body.get("id"))
                    yield body


def instant(text: object) -> int | None:
    """Return the instant of a FHIR dateTime of at least day precision, or None."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def tail(reference: object) -> str:
    """Return the id of a reference, whatever its form."""
    return str(reference.get("reference", "")).rsplit("/", 1)[-1].split(":")[-1] if isinstance(reference, dict) else ""


def first_code(concepts: object) -> tuple[str, str]:
    """Return code and display of the first coding of a CodeableConcept, or of the first of a list of them."""
    one = concepts[0] if isinstance(concepts, list) and concepts else concepts
    codes = one.get("coding") if isinstance(one, dict) else None
    return (str(codes[0].get("code", "")), str(codes[0].get("display", ""))) if codes else ("", "")


def encounter(body: Json) -> Seen | None:
    """Return what matters of an Encounter; None where it has no start or department."""
    span = body.get("period") or {}
    start = instant(span.get("start"))
    dept = tail(body.get("serviceProvider"))
    if start is None or not dept:
        return None
    doctors = [tail(part.get("individual")) for part in body.get("participant") or []]
    accounts = [i["value"] for i in body.get("identifier") or [] if i.get("system") == ACCOUNT_SYSTEM and "value" in i]
    key = str(body["id"])
    kind = str((body.get("class") or {}).get("code", "AMB"))
    reason = first_code(body.get("reasonCode") or body.get("type"))
    end = instant(span.get("end")) or start + 30 * MINUTE
    doctor = next((d for d in doctors if d), "unknown")
    return Seen(key, str(accounts[0] if accounts else key), kind, dept, doctor, reason, start, max(end, start))


def departments(folder: Path, visits: dict[str, list[Seen]]) -> dict[str, Department]:
    """Return the organisations that saw anybody; what they mostly do makes their sub-sector."""
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for found in visits.values():
        for seen in found:
            kinds[seen.dept][seen.kind] += 1
    named = {str(body["id"]): str(body.get("name", "")) for body in resources(folder, "Organization")}
    sectors = {"EMER": "emergency", "IMP": "inpatient"}
    return {
        key: Department(
            key, named.get(key, key), sectors.get(count.most_common(1)[0][0], "primary_care"), has_locations=False
        )
        for key, count in kinds.items()
    }


def prescriptions(folder: Path, period: Period) -> dict[str, list[Drug]]:
    """Return the requests filled in the period, by patient: all written in it, and active ones from before."""
    known = {code for products in PRODUCTS.values() for code, _ in products}
    found: dict[str, list[Drug]] = defaultdict(list)
    for body in resources(folder, "MedicationRequest"):
        start, code = instant(body.get("authoredOn")), first_code(body.get("medicationCodeableConcept"))
        lasting = body.get("status") == "active"
        if start is None or not code[0] or start > period.end or not (lasting or start >= period.begin):
            continue
        patient = tail(body.get("subject"))
        found[patient].append(Drug(str(body["id"]), patient, code, start, lasting or code[0] in known))
    return found
