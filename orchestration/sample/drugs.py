"""Prescriptions and refills. Adherence is an outcome here: who waits long for visits refills late.

Belongs here: MedicationRequest, MedicationDispense, and the gap before each refill. Does not belong: why somebody
has a disease (people.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from orchestration.sample.clock import DAY, HOUR, offset
from orchestration.sample.effects import felt_days
from orchestration.sample.fhir import RXNORM, concept, ref
from orchestration.sample.people import Person
from orchestration.sample.world import Visit, World
from orchestration.sample.write import Json

EARLIEST = -0.12  # share of the days supply by which a refill may come early
#: RxNorm products (SCD) by class, as prescribed.
PRODUCTS: dict[str, tuple[tuple[str, str], ...]] = {
    "statin": (
        ("312961", "simvastatin 20 MG Oral Tablet"),
        ("617311", "atorvastatin 40 MG Oral Tablet"),
        ("859751", "rosuvastatin calcium 20 MG Oral Tablet"),
    ),
    "ras": (
        ("314076", "lisinopril 10 MG Oral Tablet"),
        ("314077", "lisinopril 20 MG Oral Tablet"),
        ("979485", "losartan potassium 50 MG Oral Tablet"),
    ),
    "diabetes": (
        ("860975", "24 HR metformin hydrochloride 500 MG Extended Release Oral Tablet"),
        ("861007", "metformin hydrochloride 500 MG Oral Tablet"),
        ("310488", "glipizide 10 MG Oral Tablet"),
    ),
}


@dataclass(slots=True)
class Therapy:
    """One drug of one person, for as long as they take it."""

    person: Person
    patient_id: str
    request: str
    product: tuple[str, str]
    days: int
    started: int = 0
    covered: int = 0  # days supplied so far
    waits: float = 0.0  # strain summed over refills
    fills: int = 0
    stock: float = 0.0  # days in hand when the next fill is due
    stock_without: float = 0.0  # the same without the planted effect

    def note(self, late: float, late_without: float, t: int, after: int) -> None:
        """Tell the truth when, before the next fill (0: none comes), the planted effect left nothing to take."""
        gap = max(0.0, late * self.days - self.stock)
        gap_without = max(0.0, late_without * self.days - self.stock_without)
        self.stock = max(0.0, self.stock - late * self.days)
        self.stock_without = max(0.0, self.stock_without - late_without * self.days)
        if after:
            self.person.waits.lose(gap - gap_without * (1 + late) / (1 + late_without), gap, after)
        self.person.waits.fills[self.request] = (self.started, t)


def prescribe(world: World, visit: Visit) -> None:
    """Start each chronic drug at the first visit for it and fill it within days."""
    person = visit.person
    if visit.seen is None or visit.kind == "EMER" or "drugs" in person.moved_on:
        return
    person.moved_on["drugs"] = visit.ended
    for kind in person.chronic:
        product = world.rng.choice(PRODUCTS[kind])
        days = 90 if world.chance(0.3) else 30
        therapy = Therapy(person, visit.record.patient_id, world.id("rx"), product, days)
        _request(world, visit, therapy)
        person.waits.fills[therapy.request] = (visit.ended, visit.ended)  # not filled, the request stands for a fill
        if world.chance(0.95):
            pick_up = visit.ended + world.between(2, 96) * HOUR
            world.at(pick_up, partial(fill, world, therapy))


def _request(world: World, visit: Visit, therapy: Therapy) -> None:
    world.fhir(
        {
            "resourceType": "MedicationRequest",
            "id": therapy.request,
            "status": "active",
            "intent": "order",
            "medicationCodeableConcept": concept(RXNORM, *therapy.product),
            "subject": ref("Patient", therapy.patient_id),
            "encounter": ref("Encounter", visit.id),
            "authoredOn": offset(visit.ended),
            "requester": ref("Practitioner", visit.practitioner),
            "dosageInstruction": [
                {"text": "One tablet a day", "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}}
            ],
            "dispenseRequest": {
                "numberOfRepeatsAllowed": 11 if therapy.days == 30 else 3,
                "quantity": {"value": therapy.days, "unit": "tablet"},
                "expectedSupplyDuration": {
                    "value": therapy.days,
                    "unit": "days",
                    "system": "http://unitsofmeasure.org",
                    "code": "d",
                },
            },
        },
        visit.ended,
    )


def fill(world: World, therapy: Therapy, t: int) -> None:
    """Pick the drug up, and settle when the next pick-up will be: the longer the felt wait, the later."""
    person = therapy.person
    if person.died:
        close(world, therapy, person.died)
        return
    dispense(world, therapy, t)
    therapy.started = therapy.started or t
    therapy.covered += therapy.days
    therapy.waits += person.strain
    therapy.fills += 1
    habit = 0.02 + 0.035 * person.forgetful + world.rng.gauss(0, 0.06)
    late = max(habit + world.effects.refill_gap_per_wait_day * felt_days(person.strain), EARLIEST)
    after = t + int(therapy.days * (1 + late) * DAY)
    # As likely on every day, however late the refills: else who waits longer would stop less often.
    stops = world.chance(0.008 * (1 + late))
    therapy.note(late, max(habit, EARLIEST), t, 0 if stops else after)
    if stops or after > world.period.end:
        close(world, therapy, after if stops else world.period.end)
    else:
        world.at(after, lambda now: fill(world, therapy, now))


def close(world: World, therapy: Therapy, t: int) -> None:
    """Note in the truth what share of days was covered, against the wait felt."""
    days = (min(t, world.period.end) - therapy.started) / DAY
    if therapy.fills >= 2 and days >= 91:
        covered = min(1.0, therapy.covered / days)
        world.truth.pair("felt_wait_days_on_days_covered", therapy.waits / therapy.fills, covered)


def dispense(world: World, therapy: Therapy, t: int) -> None:
    """Hand the drug over."""
    body: Json = {
        "resourceType": "MedicationDispense",
        "id": world.id("disp"),
        "status": "completed",
        "type": concept("v3-ActCode", "RF" if therapy.fills else "FF"),
        "medicationCodeableConcept": concept(RXNORM, *therapy.product),
        "subject": ref("Patient", therapy.patient_id),
        "authorizingPrescription": [ref("MedicationRequest", therapy.request)],
        "quantity": {"value": therapy.days, "unit": "tablet"},
        "daysSupply": {
            "value": therapy.days,
            "unit": "days",
            "system": "http://unitsofmeasure.org",
            "code": "d",
        },
        "whenPrepared": offset(t - HOUR),
        "whenHandedOver": offset(t),
    }
    world.fhir(body, t)
