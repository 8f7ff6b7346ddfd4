"""Encounter resources: how a visit's times become statuses and places.

Belongs here: Encounter of every class. Does not belong: when and why somebody comes (journey.py, emergency.py).
"""

from __future__ import annotations

from orchestration.sample.clock import HOUR, MINUTE
from orchestration.sample.fhir import ACCOUNT_SYSTEM, SNOMED, coding, concept, identifier, period, ref
from orchestration.sample.world import Reason, Visit, World
from orchestration.sample.write import Json

REASONS: dict[str, Reason] = {
    "statin": Reason("55822004", "Hyperlipidemia", "E78.5"),
    "ras": Reason("38341003", "Hypertensive disorder", "I10"),
    "diabetes": Reason("44054006", "Type 2 diabetes mellitus", "E11.9"),
    "annual": Reason("162673000", "General examination of patient", "Z00.00"),
    "infection": Reason("195662009", "Acute viral pharyngitis", "J02.9"),
    "bronchitis": Reason("10509002", "Acute bronchitis", "J20.9"),
    "back": Reason("279039007", "Low back pain", "M54.50"),
    "knee": Reason("239873007", "Osteoarthritis of knee", "M17.9"),
    "sprain": Reason("44465007", "Sprain of ankle", "S93.40"),
    "chest": Reason("29857009", "Chest pain", "R07.9"),
    "failure": Reason("84114007", "Heart failure", "I50.9"),
    "pneumonia": Reason("233604007", "Pneumonia", "J18.9"),
}
_CLASSES = {"AMB": "ambulatory", "EMER": "emergency", "IMP": "inpatient encounter", "VR": "virtual"}
_TYPES = {
    "AMB": ("185349003", "Encounter for check up"),
    "VR": ("448337001", "Telemedicine consultation with patient"),
    "EMER": ("50849002", "Emergency room admission"),
    "IMP": ("183452005", "Emergency hospital admission"),
}


def open_visit(world: World, visit: Visit) -> Visit:
    """Give a visit its ids; the account number is what billing will know it by."""
    visit.id = world.id("enc")
    visit.account = f"A{world.panel:04d}{int(visit.id.rsplit('-', 1)[1]):06d}"
    return visit


def write_encounter(world: World, visit: Visit) -> None:
    """Deliver the Encounter as it stands at its end, or, for one still going on, at the period's end."""
    now = world.period.end
    if visit.arrived > now:
        return
    final = min(now, visit.ended + 30 * MINUTE)
    body = _resource(visit, now)
    if body["status"] in {"finished", "cancelled"} and visit.seen and world.chance(0.15):
        world.earlier(_resource(visit, visit.seen + 1), visit.seen + 1)
    world.fhir(body, final)


def _resource(visit: Visit, now: int) -> Json:
    status, history = _statuses(visit, now)
    open_end = None if visit.ended > now else visit.ended
    body: Json = {
        "resourceType": "Encounter",
        "id": visit.id,
        "identifier": [identifier("AN", ACCOUNT_SYSTEM, visit.account)],
        "status": status,
        "statusHistory": history,
        "class": coding("v3-ActCode", visit.kind, _CLASSES[visit.kind]),
        "type": [concept(SNOMED, *_TYPES[visit.kind])],
        "priority": concept("v3-ActPriority", "EM" if visit.kind in {"EMER", "IMP"} else "R"),
        "subject": ref("Patient", visit.record.patient_id),
        "participant": [{"individual": ref("Practitioner", visit.practitioner)}],
        "period": period(visit.arrived, open_end),
        "reasonCode": [concept(SNOMED, visit.reason.code, visit.reason.display)],
        "serviceProvider": ref("Organization", visit.dept.id),
    }
    if visit.kind != "VR":
        body["location"] = _places(visit, now)
    if visit.appointment:
        body["appointment"] = [ref("Appointment", visit.appointment)]
    if visit.referral:
        body["basedOn"] = [ref("ServiceRequest", visit.referral)]
    if visit.kind in {"EMER", "IMP"} and open_end is not None:
        code = "aama" if visit.seen is None else "home"
        source = "emd" if visit.kind == "IMP" else "other"
        body["hospitalization"] = {
            "admitSource": concept("admit-source", source),
            "dischargeDisposition": concept("discharge-disposition", code),
        }
    return body


def _statuses(visit: Visit, now: int) -> tuple[str, list[Json]]:
    """Return the status at ``now`` and the statuses passed through, with their periods."""
    steps = [("arrived", visit.arrived)]
    if visit.roomed is not None:
        steps.append(("triaged", visit.roomed))
    if visit.seen is not None:
        steps.append(("in-progress", visit.seen))
    steps = [step for step in steps if step[1] <= now]
    ends = [start for _, start in steps[1:]] + [visit.ended if visit.ended <= now else None]
    history = [{"status": name, "period": period(start, end)} for (name, start), end in zip(steps, ends, strict=True)]
    if visit.ended > now:
        return steps[-1][0], history
    return ("cancelled" if visit.seen is None else "finished"), history


def _places(visit: Visit, now: int) -> list[Json]:
    left_lobby = visit.roomed or visit.ended
    places = []
    if visit.kind != "IMP":
        places.append((visit.dept.waiting, visit.arrived, left_lobby))
    if visit.roomed is not None:
        room = visit.dept.rooms[visit.arrived // HOUR % len(visit.dept.rooms)]
        places.append((room, visit.roomed, visit.ended))
    return [
        {
            "location": ref("Location", place),
            "status": "completed" if end <= now else "active",
            "period": period(start, end if end <= now else None),
        }
        for place, start, end in places
        if start <= now
    ]
