"""Appointments: how asking becomes a slot, and what becomes of it.

Belongs here: Appointment resources and their last state. Does not belong: the wish for a visit (journey.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestration.sample.clock import MINUTE, day, offset, utc
from orchestration.sample.fhir import SNOMED, concept, ref
from orchestration.sample.hospital import Department
from orchestration.sample.people import Person, Record
from orchestration.sample.supply import SLOT_MINUTES
from orchestration.sample.world import Reason, World
from orchestration.sample.write import Json


@dataclass(slots=True)
class Appointment:
    """A booked visit."""

    id: str
    person: Person
    record: Record
    dept: Department
    practitioner: str
    reason: Reason
    style: str  # v2-0276: CHECKUP, FOLLOWUP, ROUTINE, WALKIN, EMERGENCY
    asked: int
    booked: int
    start: int
    slot: str | None = None
    slot_number: int | None = None
    referral: str | None = None
    virtual: bool = False

    @property
    def wait_days(self) -> float:
        """Days from asking to the planned start."""
        return (self.start - self.asked) / 86_400

    @property
    def lead_days(self) -> int:
        """Calendar days from booking to the planned start, as the EHR tells them."""
        return (day(self.start) - day(self.booked)).days


def write_appointment(world: World, appt: Appointment, status: str, t: int, cancelled_by: str = "") -> None:
    """Deliver the appointment with its last status; some older versions are delivered too."""
    if status != "booked" and world.chance(0.2):
        world.earlier(_resource(appt, "booked", ""), appt.booked)
    world.fhir(_resource(appt, status, cancelled_by), t)


def _resource(appt: Appointment, status: str, cancelled_by: str) -> Json:
    actors = [ref("Patient", appt.record.patient_id), ref("Practitioner", appt.practitioner)]
    if appt.dept.has_locations:
        actors.append(ref("Location", appt.dept.waiting))
    body: Json = {
        "resourceType": "Appointment",
        "id": appt.id,
        "status": status,
        "serviceType": [concept(SNOMED, *appt.dept.specialty)],
        "specialty": [concept(SNOMED, *appt.dept.specialty)],
        "appointmentType": concept("v2-0276", appt.style),
        "reasonCode": [concept(SNOMED, appt.reason.code, appt.reason.display)],
        "supportingInformation": [ref("Organization", appt.dept.id)],
        "start": utc(appt.start),
        "end": utc(appt.start + SLOT_MINUTES * MINUTE),
        "minutesDuration": SLOT_MINUTES,
        "created": offset(appt.booked),
        "participant": [{"actor": actor, "status": "accepted"} for actor in actors],
        "requestedPeriod": [{"start": offset(appt.asked), "end": offset(appt.start + SLOT_MINUTES * MINUTE)}],
    }
    if appt.slot:
        body["slot"] = [ref("Slot", appt.slot)]
    if appt.referral:
        body["basedOn"] = [ref("ServiceRequest", appt.referral)]
    if cancelled_by:
        words = {"pat": "Patient", "prov": "Provider"}[cancelled_by]
        body["cancelationReason"] = concept("appointment-cancellation-reason", cancelled_by, words)
    return body
