"""An existing FHIR delivery as the hospital: the other sources are built around its patients and encounters.

Belongs here: playing given patients and encounters through the simulation. Does not belong: reading them (reading.py).
Of the encounters only those of the period stay in memory, as small tuples; patients are streamed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

from orchestration.sample import aftermath, calls, drugs, names, portal, reading, registration
from orchestration.sample.booking import Appointment, write_appointment
from orchestration.sample.clock import DAY, HOUR, MINUTE, Period, add_months, local
from orchestration.sample.fhir import MRN_SYSTEM
from orchestration.sample.hospital import Department
from orchestration.sample.people import PANEL, PAYERS, Person, Record
from orchestration.sample.supply import SLOT_MINUTES, schedule, slot
from orchestration.sample.world import Reason, Visit, World
from orchestration.sample.write import Json

_SCHEDULING = frozenset({"Appointment", "Slot", "Schedule", "MedicationDispense"})


@dataclass
class Given:
    """The delivery, read once."""

    folder: Path
    period: Period
    count: int
    departments: dict[str, Department]
    trained: frozenset[str]
    visits: dict[str, list[reading.Seen]]
    drugs: dict[str, list[reading.Drug]]
    demand: Counter[tuple[str, int]]  # visits by department and week
    usual: Counter[str]  # visits by department
    writes: frozenset[str]  # types that the delivery lacks
    patients: Iterator[Json]
    _schedules: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, folder: Path, start: date | None, months: int) -> Given:
        """Read what the delivery says of the period; the default period ends with its last encounter."""
        starts = ((body.get("period") or {}).get("start") for body in reading.resources(folder, "Encounter"))
        last = max((reading.instant(text) or 0 for text in starts), default=0)
        if not last:
            raise ValueError(f"no dated Encounter in {folder}")
        period = Period(start, months) if start else _ending(datetime.fromtimestamp(last, UTC).date(), months)
        visits: dict[str, list[reading.Seen]] = defaultdict(list)
        for body in reading.resources(folder, "Encounter"):
            seen = reading.encounter(body)
            if seen and period.begin <= seen.start and seen.end <= period.end:
                visits[reading.tail(body.get("subject"))].append(seen)
        every = [seen for found in visits.values() for seen in found]
        usual = Counter(seen.dept for seen in every)
        ranked = sorted(usual, key=lambda dept: (-usual[dept], dept))
        return cls(
            folder,
            period,
            sum(1 for _ in reading.resources(folder, "Patient")),
            reading.departments(folder, visits),
            frozenset(ranked[::2]),
            visits,
            reading.prescriptions(folder, period),
            Counter((seen.dept, seen.start // (7 * DAY)) for seen in every),
            usual,
            frozenset(kind for kind in _SCHEDULING if next(reading.resources(folder, kind), None) is None),
            reading.resources(folder, "Patient"),
        )

    def run(self, world: World, panel: int) -> None:
        """Play the next panel of patients."""
        world.feed, world.delivers, world.simulates_care = "ehr_scheduling", self.writes, False
        for number in range(panel * PANEL, min((panel + 1) * PANEL, self.count)):
            person = _person(world, next(self.patients), number)
            world.truth.same("ehr", f"ehr/{person.records[0].patient_id}", number)
            registration.open_account(world, person, 0.7)
            for seen in sorted(self.visits.get(person.records[0].patient_id, []), key=lambda s: (s.start, s.id)):
                self._play(world, person, seen)
            for drug in self.drugs.get(person.records[0].patient_id, []):
                self._take(world, person, drug)
        world.run()

    def _play(self, world: World, person: Person, seen: reading.Seen) -> None:
        """Book the encounter beforehand where that is usual, then let it have its consequences."""
        dept = self.departments[seen.dept]
        reason = Reason(seen.reason[0], seen.reason[1], "R69")
        visit = Visit(
            seen.id,
            seen.account,
            person,
            person.records[0],
            dept,
            seen.kind,
            reason,
            seen.practitioner,
            seen.start,
            seen.start + world.between(2, 25) * MINUTE,
            seen.start,
            seen.end,
        )
        visit.roomed = min(visit.roomed or seen.start, seen.end)
        if seen.kind in {"AMB", "VR", "HH"} and world.chance(0.85):
            self._booked(world, visit)
        world.at(seen.end, lambda now: aftermath.visited(world, visit))

    def _booked(self, world: World, visit: Visit) -> None:
        """Give a visit its appointment; the wait comes from how many others came in the weeks before."""
        week = visit.arrived // (7 * DAY)
        crowd = sum(self.demand[visit.dept.id, week - back] for back in range(4)) / 4
        usual = self.usual[visit.dept.id] / _weeks(self.period)
        wait = 2 + 9 * crowd / max(usual, 0.2) * world.rng.lognormvariate(0, 0.5)
        start = visit.arrived // (5 * MINUTE) * 5 * MINUTE
        asked = max(start - int(min(wait, 60) * DAY), self.period.begin)
        asked += (9 - local(asked).hour) * HOUR + world.between(0, 420) * MINUTE
        if asked >= start:
            return
        appt = self._appointment(world, visit, asked, start)
        visit.wait_days, visit.lead_days, visit.appointment = appt.wait_days, appt.lead_days, appt.id
        world.at(asked, partial(_ask, world, appt))
        write_appointment(world, appt, "fulfilled", visit.ended)
        lost = 0.03 + 0.07 * world.effects.missed_log_odds_per_wait_day * appt.wait_days
        if world.chance(lost) and appt.start - 30 * DAY > self.period.begin:
            missed = replace(
                appt, id=world.id("appt"), asked=asked - 9 * DAY, booked=asked - 9 * DAY, start=start - 9 * DAY
            )
            missed.start = max(missed.start, missed.booked + DAY)
            missed.slot = None
            write_appointment(world, missed, "noshow", missed.start + 40 * MINUTE)

    def _appointment(self, world: World, visit: Visit, asked: int, start: int) -> Appointment:
        key, place = world.id("slot"), f"sched-{visit.dept.id}-{visit.practitioner}"[:64]
        if place not in self._schedules:
            self._schedules.add(place)
            world.fhir(schedule(place, visit.practitioner, visit.dept, self.period), self.period.begin)
        world.fhir(slot(key, place, visit.dept, "busy", start), asked)
        if world.chance(0.3):
            free = start + world.between(1, 6) * SLOT_MINUTES * MINUTE
            world.fhir(slot(world.id("slot"), place, visit.dept, "free", free), asked)
        return Appointment(
            world.id("appt"),
            visit.person,
            visit.record,
            visit.dept,
            visit.practitioner,
            visit.reason,
            "ROUTINE",
            asked,
            asked,
            start,
            key,
        )

    def _take(self, world: World, person: Person, drug: reading.Drug) -> None:
        """Fill a prescription: lasting ones again and again, others once."""
        days = 30 if drug.lasting else 10
        therapy = drugs.Therapy(person, drug.patient, drug.id, drug.code, days)
        first = max(drug.start, self.period.begin + world.between(0, 30) * DAY) + world.between(1, 60) * HOUR
        if drug.lasting:
            world.at(first, partial(drugs.fill, world, therapy))
        elif drug.start >= self.period.begin:
            world.at(first, lambda now: drugs.dispense(world, therapy, now))


def _ending(last: date, months: int) -> Period:
    """Return the period whose last day is ``last``, or a day or two later where months are of unequal length."""
    period = Period(add_months(last + timedelta(days=1), -months), months)
    while period.last_day < last:
        period = Period(period.start + timedelta(days=1), months)
    return period


def _weeks(period: Period) -> float:
    """Return the weeks of the period."""
    return (period.end - period.begin) / (7 * DAY)


def _ask(world: World, appt: Appointment, now: int) -> None:
    """Let the person ask for the appointment that they got."""
    if appt.person.account and world.chance(0.45):
        portal.book(world, appt.person, now - 3 * MINUTE, appt)
    elif world.chance(0.8):
        calls.settle(world, appt.person, now, calls.Matter("schedule_appointment", appt.dept.id, appt.id))


def _person(world: World, body: Json, number: int) -> Person:
    """Return the simulated person behind a Patient resource; what it does not say is made up."""
    name = next(iter(body.get("name") or [{}]))
    address = next(iter(body.get("address") or [{}]))
    moment = reading.instant((str(body.get("birthDate") or "1970") + "-01-01")[:10]) or 0
    born = datetime.fromtimestamp(moment, UTC).date()
    given, family = " ".join(name.get("given") or ["Unknown"][:1]), str(name.get("family", "Unknown"))
    person = Person(number, given, family, "F" if body.get("gender") == "female" else "M", born)
    phones = [t.get("value", "") for t in body.get("telecom") or [] if t.get("system") == "phone"]
    person.phone = phones[0] if phones else names.phone(number)
    person.email = names.email(given, family, number)
    person.line, person.city = " ".join(address.get("line") or []), str(address.get("city", ""))
    person.zip = str(address.get("postalCode", ""))
    person.records = [_record(body)]
    died = reading.instant(body.get("deceasedDateTime")) if body.get("deceasedDateTime") else None
    if died is not None:
        world.at(max(died, world.period.begin), partial(setattr, person, "died"))
    person.payer = "medicare" if person.age(world.period.start) >= 65 else world.rng.choice(sorted(PAYERS)[:2])
    person.subscriber_id = f"H{world.rng.randrange(10**8):08d}"
    person.forgetful, person.content = world.rng.gauss(0, 0.8), world.rng.gauss(0, 1)
    person.patience = world.rng.expovariate(1 / 9)
    return person


def _record(body: Json) -> Record:
    """Return the patient's id and medical record number (type MR), else the id itself as the number."""
    for one in body.get("identifier") or []:
        if reading.first_code(one.get("type"))[0] == "MR" and one.get("value"):
            return Record(str(body["id"]), str(one["value"]), str(one.get("system", MRN_SYSTEM)))
    return Record(str(body["id"]), str(body["id"]), MRN_SYSTEM)
