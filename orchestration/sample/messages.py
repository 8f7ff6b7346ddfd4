"""Communications and orders between patients, staff and specialists.

Belongs here: reminders, message threads, referrals and their reports. Does not belong: portal clicks (portal.py).
"""

from __future__ import annotations

from orchestration.sample import portal
from orchestration.sample.booking import Appointment
from orchestration.sample.clock import DAY, HOUR, MINUTE, local, offset
from orchestration.sample.fhir import SNOMED, concept, ref
from orchestration.sample.hospital import HOSPITAL_ID, practitioner_id
from orchestration.sample.world import Visit, World
from orchestration.sample.write import Json

CATEGORY = "https://patient-journeys.example/communication-category"
_MEDIA = {"portal": "ELECTRONIC", "sms": "SMSWRIT", "email": "EMAILWRIT", "fax": "FAXWRIT"}


def _communication(world: World, category: str, medium: str, sent: int) -> Json:
    return {
        "resourceType": "Communication",
        "id": world.id("msg"),
        "status": "completed",
        "category": [concept(CATEGORY, category)],
        "medium": [concept("v3-ParticipationMode", _MEDIA[medium])],
        "sent": offset(sent),
        "received": offset(sent + 5),
    }


def remind(world: World, appt: Appointment) -> bool:
    """Send a reminder two days ahead where there was time for one; tell whether it went out."""
    sent = appt.start - 2 * DAY
    if sent <= appt.booked or not world.chance(0.85):
        return False
    body = _communication(world, "reminder", "sms" if world.chance(0.6) else "email", sent)
    body["subject"] = ref("Patient", appt.record.patient_id)
    body["sender"] = ref("Organization", HOSPITAL_ID)
    body["recipient"] = [ref("Patient", appt.record.patient_id)]
    body["about"] = [ref("Appointment", appt.id)]
    world.fhir(body, sent + 5)
    return True


def thread(world: World, visit: Visit) -> None:
    """Let a portal user write after a visit; busy clinics answer later, a tenth never."""
    person = visit.person
    if not person.account or not world.chance(0.35 if person.chronic else 0.15):
        return
    sent = visit.ended + world.between(4 * 60, 9 * 24 * 60) * MINUTE
    if sent > world.period.end:
        return
    patient, staff = ref("Patient", visit.record.patient_id), ref("Practitioner", visit.practitioner)
    first = _message(world, visit, (patient, staff), sent, None)
    portal.message(world, person, sent, first, first)
    if world.chance(0.15):
        _message(world, visit, (ref("Organization", HOSPITAL_ID), patient), sent + 20, first)
    if world.chance(0.1):
        return
    hours = world.rng.lognormvariate(2.3, 0.8) * (1.0 + visit.dept.pressure - 0.9 if visit.dept.pressure else 1.0)
    replied = sent + int(hours * HOUR)
    if local(replied).weekday() >= 5:
        replied += 2 * DAY
    reply = _message(world, visit, (staff, patient), replied, first)
    if replied <= world.period.end and world.chance(0.3):
        again = replied + world.between(20, 2000) * MINUTE
        follow = _message(world, visit, (patient, staff), again, reply)
        portal.message(world, person, again, first, follow)


def _message(world: World, visit: Visit, ends: tuple[Json, Json], sent: int, answers: str | None) -> str:
    body = _communication(world, "message", "portal", sent)
    body["subject"] = ref("Patient", visit.record.patient_id)
    body["sender"], body["recipient"] = ends[0], [ends[1]]
    body["encounter"] = ref("Encounter", visit.id)
    if answers:
        body["inResponseTo"] = [ref("Communication", answers)]
    world.fhir(body, sent + 5)
    return str(body["id"])


def refer(world: World, visit: Visit, target: str) -> str:
    """Order a referral to a specialist; return its ServiceRequest id."""
    key = world.id("sr")
    world.fhir(
        {
            "resourceType": "ServiceRequest",
            "id": key,
            "status": "active",
            "intent": "order",
            "category": [concept(SNOMED, "3457005", "Patient referral")],
            "code": concept(SNOMED, "306206005", "Referral to service"),
            "subject": ref("Patient", visit.record.patient_id),
            "encounter": ref("Encounter", visit.id),
            "authoredOn": offset(visit.ended),
            "requester": ref("Practitioner", visit.practitioner),
            "performer": [ref("Practitioner", practitioner_id(target, world.panel))],
            "reasonCode": [concept(SNOMED, visit.reason.code, visit.reason.display)],
        },
        visit.ended,
    )
    return key


def report(world: World, visit: Visit) -> None:
    """Let the specialist report back on a referral; a fifth never do."""
    if visit.referral is None or not world.chance(0.8):
        return
    sent = visit.ended + int(world.rng.expovariate(1 / 5) * DAY) + HOUR
    body = _communication(world, "referral-report", "fax", sent)
    body["subject"] = ref("Patient", visit.record.patient_id)
    body["sender"] = ref("Practitioner", visit.practitioner)
    body["recipient"] = [ref("Practitioner", practitioner_id(visit.person.home, world.panel))]
    body["basedOn"] = [ref("ServiceRequest", visit.referral)]
    body["encounter"] = ref("Encounter", visit.id)
    world.fhir(body, sent + 5)
