"""What the hospital knows of a person: Patient, Coverage, Consent, and their second records.

Belongs here: identities in the EHR and the portal. Does not belong: visits.
"""

from __future__ import annotations

from orchestration.sample import hospital
from orchestration.sample.clock import DAY, day, offset
from orchestration.sample.fhir import (
    MEMBER_SYSTEM,
    MRN_SYSTEM,
    SSN_SYSTEM,
    coding,
    concept,
    identifier,
    period,
    ref,
)
from orchestration.sample.people import PAYERS, Person, Record
from orchestration.sample.world import World
from orchestration.sample.write import Json

_US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition"


def register(world: World, person: Person) -> None:
    """Give a person their EHR record (about 4 % a second one), home clinic and portal account."""
    rng, age = world.rng, person.age(world.period.start)
    person.home = hospital.PRIMARY[rng.choices((0, 1, 2), (40, 32, 28))[0]]
    copies = 2 if rng.random() < 0.04 else 1
    for copy in range(copies):
        number = person.number * 2 + copy
        person.records.append(Record(f"pat-{number:06d}", f"{10_000_000 + number * 37}", MRN_SYSTEM))
        world.truth.same("ehr", f"{world.feed}/pat-{number:06d}", person.number)
    open_account(world, person, 0.75 if 18 <= age < 70 else 0.5)


def open_account(world: World, person: Person, share: float) -> None:
    """Give a share of people a portal account; two thirds of accounts carry the MRN."""
    if world.chance(share):
        person.account = f"u-{world.uuid()}"
        person.devices = tuple(world.uuid() for _ in range(world.between(1, 2)))
        person.tells_mrn = world.chance(0.65)


def pick_record(world: World, person: Person) -> Record:
    """Return the record a visit is filed under: mostly the first."""
    return person.records[-1] if len(person.records) > 1 and world.chance(0.3) else person.records[0]


def write_people(world: World, people: list[Person]) -> None:
    """Deliver everybody's Patient, Coverage and Consent as they stand at the period's end."""
    for person in people:
        since = world.period.begin - world.between(30, 900) * DAY
        for number, record in enumerate(person.records):
            updated = person.died or since + number * 40 * DAY
            world.fhir(_patient(world, person, number), updated)
            if number == 0:
                _coverage(world, person, record, since)
                _consent(world, person, record, since)
        if person.maiden:
            older = _patient(world, person, 0)
            older["name"] = [{**older["name"][0], "family": person.maiden}]
            world.earlier(older, since - 200 * DAY)


def _patient(world: World, person: Person, number: int) -> Json:
    record, second = person.records[number], number > 0
    given = [person.given, person.middle] if person.middle and not second else [person.given]
    name: Json = {"use": "official", "family": person.family, "given": given}
    if person.suffix and not second:
        name["suffix"] = [person.suffix]
    names = [name]
    if person.maiden:
        names.append({"use": "maiden", "family": person.maiden, "given": [person.given]})
    if second and person.maiden:
        names = [{**name, "family": person.maiden}]
    identifiers = [identifier("MR", record.mrn_system, record.mrn)]
    if person.ssn:
        identifiers.append(identifier("SS", SSN_SYSTEM, person.ssn))
    telecom = [{"system": "phone", "value": person.phone, "use": "home"}]
    if not second:
        telecom.append({"system": "email", "value": person.email})
    body: Json = {
        "resourceType": "Patient",
        "id": record.patient_id,
        "extension": _extensions(person),
        "identifier": identifiers,
        "active": True,
        "name": names,
        "telecom": telecom,
        "gender": "female" if person.sex == "F" else "male",
        "birthDate": person.born.isoformat(),
        "address": [_address(person)],
        "maritalStatus": concept("v3-MaritalStatus", "M" if person.maiden else "S"),
        "communication": [{"language": concept("urn:ietf:bcp:47", person.language)}],
    }
    if person.died:
        body["deceasedDateTime"] = offset(person.died)
    if second and person.number % 3 == 0:  # the hospital has found this pair itself
        body["active"] = False
        body["link"] = [{"other": ref("Patient", person.records[0].patient_id), "type": "replaced-by"}]
    return body


def _address(person: Person) -> Json:
    return {"line": [person.line], "city": person.city, "state": "MA", "postalCode": person.zip, "country": "US"}


def _extensions(person: Person) -> list[Json]:
    code, words = person.race
    hispanic = ("2135-2", "Hispanic or Latino") if person.hispanic else ("2186-5", "Not Hispanic or Latino")
    return [
        {
            "url": f"{_US_CORE}/us-core-{name}",
            "extension": [
                {"url": "ombCategory", "valueCoding": coding("urn:oid:2.16.840.1.113883.6.238", key, text)},
                {"url": "text", "valueString": text},
            ],
        }
        for name, (key, text) in (("race", (code, words)), ("ethnicity", hispanic))
    ]


def _coverage(world: World, person: Person, record: Record, since: int) -> None:
    """Deliver the contract, or the two contracts around a gap."""
    spans: list[tuple[int, int | None]] = [(since, None)]
    if person.gap and person.gap[0] > since:
        spans = [(since, person.gap[0]), (person.gap[1], None)]
    for start, end in spans:
        code, name, _ = PAYERS[person.payer]
        body: Json = {
            "resourceType": "Coverage",
            "id": world.id("cov"),
            "identifier": [identifier("MB", MEMBER_SYSTEM, person.member_id)],
            "status": "active",
            "type": concept("v3-ActCode", "EHCPOL", "extended healthcare"),
            "subscriberId": person.subscriber_id,
            "beneficiary": ref("Patient", record.patient_id),
            "dependent": person.dependent,
            "relationship": concept("subscriber-relationship", "other" if person.subscriber else "self"),
            "period": {"start": day(start).isoformat()},
            "payor": [{**ref("Organization", f"payer-{code}"), "display": name}],
        }
        if end is not None and end <= world.period.end:
            body["status"] = "cancelled"
            body["period"]["end"] = day(end).isoformat()
        if start <= world.period.end:
            world.fhir(body, end if end is not None and end <= world.period.end else start)


def _consent(world: World, person: Person, record: Record, since: int) -> None:
    if not world.chance(0.9):
        return
    withdrawn = world.chance(0.04)
    body: Json = {
        "resourceType": "Consent",
        "id": world.id("consent"),
        "status": "inactive" if withdrawn else "active",
        "scope": concept("consentscope", "patient-privacy", "Privacy Consent"),
        "category": [concept("http://loinc.org", "59284-0", "Consent Document")],
        "patient": ref("Patient", record.patient_id),
        "dateTime": offset(since),
        "organization": [ref("Organization", hospital.HOSPITAL_ID)],
        "policyRule": concept("v3-ActCode", "OPTIN"),
        "provision": {"type": "permit", "period": period(since)},
    }
    world.fhir(body, world.period.begin + world.between(20, 400) * DAY if withdrawn else since)
