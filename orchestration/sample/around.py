"""An existing FHIR delivery as the hospital: the other sources are built around its patients and encounters.

Belongs here: reading Patient, Encounter, MedicationRequest, Organization as far as the simulation needs them, and
playing them through it. Does not belong: checking them; unreadable lines are passed over, the pipeline rejects them.
Files are streamed; of the encounters only those of the period stay in memory, as small tuples.
"""

from __future__ import annotations

import gzip
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import orjson

from orchestration.sample import aftermath, calls, drugs, names, portal, registration
from orchestration.sample.booking import Appointment, write_appointment
from orchestration.sample.clock import DAY, HOUR, MINUTE, Period, add_months, local
from orchestration.sample.fhir import ACCOUNT_SYSTEM, MRN_SYSTEM
from orchestration.sample.hospital import Department
from orchestration.sample.people import PANEL, PAYERS, Person, Record
from orchestration.sample.supply import SLOT_MINUTES, schedule, slot
from orchestration.sample.world import Reason, Visit, World
from orchestration.sample.write import Json

_SCHEDULING = frozenset({"Appointment", "Slot", "Schedule", "MedicationDispense"})


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
    for path in sorted(folder.rglob(f"{kind}*.ndjson*")):
        if path.name.split(".")[0] != kind or path.name.split(".ndjson")[1] not in {"", ".gz"}:
            continue
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
            for line in lines:
                try:
                    body = orjson.loads(line)
                except orjson.JSONDecodeError:
                    continue
                if isinstance(body, dict) and body.get("resourceType") == kind and body.get("id"):
                    yield body


def instant(text: object) -> int | None:
    """Return the instant of a FHIR dateTime of at least day precision, or None."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _tail(reference: object) -> str:
    """Return the id of a reference, whatever its form."""
    return str(reference.get("reference", "")).rsplit("/", 1)[-1].split(":")[-1] if isinstance(reference, dict) else ""


def _first_code(concepts: object) -> tuple[str, str]:
    one = concepts[0] if isinstance(concepts, list) and concepts else concepts
    codes = one.get("coding") if isinstance(one, dict) else None
    return (str(codes[0].get("code", "")), str(codes[0].get("display", ""))) if codes else ("", "")


@dataclass
class Given:
    """The delivery, read once."""

    folder: Path
    period: Period
    count: int
    departments: dict[str, Department]
    trained: frozenset[str]
    visits: dict[str, list[Seen]]
    drugs: dict[str, list[Drug]]
    demand: Counter[tuple[str, int]]  # visits by department and week
    writes: frozenset[str] | None
    _patients: Iterator[Json] = field(init=False)
    _schedules: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, folder: Path, start: date | None, months: int) -> Given:
        """Read what the delivery says of the period; the default period ends with its last encounter."""
        last = max((instant(e.get("period", {}).get("start")) or 0 for e in resources(folder, "Encounter")), default=0)
        if not last:
            raise ValueError(f"no dated Encounter in {folder}")
        period = Period(start, months) if start else _ending(datetime.fromtimestamp(last, UTC).date(), months)
        visits: dict[str, list[Seen]] = defaultdict(list)
        demand: Counter[tuple[str, int]] = Counter()
        for body in resources(folder, "Encounter"):
            seen = _seen(body)
            if seen and period.begin <= seen.start and seen.end <= period.end:
                visits[_tail(body.get("subject"))].append(seen)
                demand[seen.dept, seen.start // (7 * DAY)] += 1
        used = Counter(seen.dept for found in visits.values() for seen in found)
        ranked = [name for name, _ in sorted(used.items(), key=lambda item: (-item[1], item[0]))]
        departments = _departments(folder, visits)
        writes = _SCHEDULING - {kind for kind in _SCHEDULING if next(resources(folder, kind), None)}
        given = cls(
            folder,
            period,
            sum(1 for _ in resources(folder, "Patient")),
            departments,
            frozenset(ranked[::2]),
            visits,
            _drugs(folder, period),
            demand,
            frozenset(writes),
        )
        given._patients = resources(folder, "Patient")
        return given

    def run(self, world: World, panel: int) -> None:
        """Play the next panel of patients."""
        world.feed, world.delivers, world.simulates_care = "ehr_scheduling", self.writes, False
        for number in range(panel * PANEL, min((panel + 1) * PANEL, self.count)):
            person = _person(world, next(self._patients), number)
            world.truth.same("ehr", f"ehr/{person.records[0].patient_id}", number)
            registration.open_account(world, person, 0.7)
            for seen in sorted(self.visits.get(person.records[0].patient_id, []), key=lambda s: (s.start, s.id)):
                self._play(world, person, seen)
            for drug in self.drugs.get(person.records[0].patient_id, []):
                self._take(world, person, drug)
        world.run()

    def _play(self, world: World, person: Person, seen: Seen) -> None:
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
        usual = sum(n for (dept, _), n in self.demand.items() if dept == visit.dept.id) / _weeks(self.period)
        wait = 2 + 9 * crowd / max(usual, 0.2) * world.rng.lognormvariate(0, 0.5)
        start = visit.arrived // (5 * MINUTE) * 5 * MINUTE
        asked = max(start - int(min(wait, 60) * DAY), self.period.begin)
        asked += (9 - local(asked).hour) * HOUR + world.between(0, 420) * MINUTE
        if asked >= start:
            return
        appt = self._appointment(world, visit, asked, start)
        visit.wait_days, visit.appointment = appt.wait_days, appt.id
        world.at(asked, partial(_ask, world, appt))
        write_appointment(world, appt, "fulfilled", visit.ended)
        lost = 0.03 + 0.004 * appt.wait_days
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

    def _take(self, world: World, person: Person, drug: Drug) -> None:
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


def _seen(body: Json) -> Seen | None:
    span = body.get("period") or {}
    start = instant(span.get("start"))
    dept = _tail(body.get("serviceProvider"))
    if start is None or not dept:
        return None
    doctors = [_tail(part.get("individual")) for part in body.get("participant") or []]
    accounts = [i["value"] for i in body.get("identifier") or [] if i.get("system") == ACCOUNT_SYSTEM and "value" in i]
    key = str(body["id"])
    kind = str((body.get("class") or {}).get("code", "AMB"))
    reason = _first_code(body.get("reasonCode") or body.get("type"))
    end = instant(span.get("end")) or start + 30 * MINUTE
    doctor = next((d for d in doctors if d), "unknown")
    return Seen(key, str(accounts[0] if accounts else key), kind, dept, doctor, reason, start, max(end, start))


def _departments(folder: Path, visits: dict[str, list[Seen]]) -> dict[str, Department]:
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


def _drugs(folder: Path, period: Period) -> dict[str, list[Drug]]:
    """Return the requests filled in the period, by patient: all written in it, and active ones from before."""
    known = {code for products in drugs.PRODUCTS.values() for code, _ in products}
    found: dict[str, list[Drug]] = defaultdict(list)
    for body in resources(folder, "MedicationRequest"):
        start, code = instant(body.get("authoredOn")), _first_code(body.get("medicationCodeableConcept"))
        lasting = body.get("status") == "active"
        if start is None or not code[0] or start > period.end or not (lasting or start >= period.begin):
            continue
        patient = _tail(body.get("subject"))
        found[patient].append(Drug(str(body["id"]), patient, code, start, lasting or code[0] in known))
    return found


def _person(world: World, body: Json, number: int) -> Person:
    """Return the simulated person behind a Patient resource; what it does not say is made up."""
    name = next(iter(body.get("name") or [{}]))
    address = next(iter(body.get("address") or [{}]))
    born = date.fromisoformat((str(body.get("birthDate") or "1970") + "-01-01")[:10])
    given, family = " ".join(name.get("given") or ["Unknown"][:1]), str(name.get("family", "Unknown"))
    person = Person(number, given, family, "F" if body.get("gender") == "female" else "M", born)
    phones = [t.get("value", "") for t in body.get("telecom") or [] if t.get("system") == "phone"]
    person.phone = phones[0] if phones else names.phone(number)
    person.email = names.email(given, family, number)
    person.line, person.city = " ".join(address.get("line") or []), str(address.get("city", ""))
    person.zip = str(address.get("postalCode", ""))
    person.records = [_record(body)]
    died = instant(body.get("deceasedDateTime")) if body.get("deceasedDateTime") else None
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
        if _first_code(one.get("type"))[0] == "MR" and one.get("value"):
            return Record(str(body["id"]), str(one["value"]), str(one.get("system", MRN_SYSTEM)))
    return Record(str(body["id"]), str(body["id"]), MRN_SYSTEM)
