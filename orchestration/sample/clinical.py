"""What a visit leaves in the chart: conditions, measurements, procedures.

Belongs here: Condition, Observation, Procedure. Does not belong: drugs (drugs.py) and orders (messages.py).
"""

from __future__ import annotations

from orchestration.sample import portal
from orchestration.sample.clock import HOUR, MINUTE, offset, utc
from orchestration.sample.encounters import REASONS
from orchestration.sample.fhir import LOINC, SNOMED, concept, ref
from orchestration.sample.world import Visit, World
from orchestration.sample.write import Json

_ACTIVE = concept("condition-clinical", "active")
_CONFIRMED = concept("condition-ver-status", "confirmed")
_PROCEDURES = {
    "primary_care": ("428191000124101", "Documentation of current medications"),
    "medical_specialty": ("29303009", "Electrocardiographic procedure"),
    "urgent_care": ("225358003", "Wound care"),
    "emergency": ("399208008", "Plain chest X-ray"),
    "inpatient": ("398041008", "Cardiac monitoring"),
}


def chart(world: World, visit: Visit) -> None:
    """Write the chart of a visit at which the patient was seen."""
    if visit.seen is None:
        return
    _conditions(world, visit)
    pressure = 118 + 14 * ("ras" in visit.person.chronic) + 0.35 * visit.person.strain
    systolic = world.rng.gauss(pressure, 9)
    _observe(world, visit, ("8480-6", "Systolic blood pressure"), (systolic, "mm[Hg]"), 0)
    _observe(world, visit, ("8462-4", "Diastolic blood pressure"), (systolic * 0.62, "mm[Hg]"), 0)
    _labs(world, visit)
    if world.chance(0.35) and visit.kind != "VR":
        _procedure(world, visit)


def _conditions(world: World, visit: Visit) -> None:
    """Record each chronic condition once, and what brought the patient."""
    known = visit.person.moved_on
    reasons = [(kind, REASONS[kind]) for kind in visit.person.chronic if f"condition/{kind}" not in known]
    if visit.reason.code not in {reason.code for _, reason in reasons} and visit.kind != "VR":
        lasting = visit.reason.code in {REASONS[kind].code for kind in ("statin", "ras", "diabetes", "annual")}
        if not lasting:
            reasons.append((visit.id, visit.reason))
    for kind, reason in reasons:
        known[f"condition/{kind}"] = visit.arrived
        world.fhir(
            {
                "resourceType": "Condition",
                "id": world.id("cond"),
                "clinicalStatus": _ACTIVE,
                "verificationStatus": _CONFIRMED,
                "category": [concept("condition-category", "encounter-diagnosis")],
                "code": concept(SNOMED, reason.code, reason.display),
                "subject": ref("Patient", visit.record.patient_id),
                "encounter": ref("Encounter", visit.id),
                "onsetDateTime": offset(visit.arrived),
                "recordedDate": offset(visit.ended),
            },
            visit.ended,
        )


def _labs(world: World, visit: Visit) -> None:
    """Take the laboratory values that the patient's drugs call for; poor adherence shows in them."""
    person, lapse = visit.person, visit.person.strain / 40
    wanted = []
    if "diabetes" in person.chronic and world.chance(0.7):
        wanted.append((("4548-4", "Hemoglobin A1c"), (world.rng.gauss(6.8 + lapse, 0.6), "%")))
    if "statin" in person.chronic and world.chance(0.6):
        wanted.append((("13457-7", "Cholesterol in LDL, calculated"), (world.rng.gauss(88 + 30 * lapse, 15), "mg/dL")))
    if not wanted and world.chance(0.2):
        wanted.append((("718-7", "Hemoglobin"), (world.rng.gauss(13.8, 1.1), "g/dL")))
    for code, value in wanted:
        delay = world.between(90, 50 * 60) * MINUTE
        result = _observe(world, visit, code, value, delay)
        portal.result(world, person, visit.ended + delay + world.between(1, 60) * HOUR, result)


def _observe(world: World, visit: Visit, code: tuple[str, str], value: tuple[float, str], delay: int) -> str:
    number, unit = value
    body: Json = {
        "resourceType": "Observation",
        "id": world.id("obs"),
        "status": "final",
        "category": [concept("observation-category", "laboratory" if delay else "vital-signs")],
        "code": concept(LOINC, *code),
        "subject": ref("Patient", visit.record.patient_id),
        "encounter": ref("Encounter", visit.id),
        "effectiveDateTime": offset(visit.seen or visit.arrived),
        "issued": utc(visit.ended + delay),
        "valueQuantity": {
            "value": round(number, 1),
            "unit": unit,
            "system": "http://unitsofmeasure.org",
            "code": unit,
        },
    }
    world.fhir(body, visit.ended + delay)
    return str(body["id"])


def _procedure(world: World, visit: Visit) -> None:
    code, display = _PROCEDURES.get(visit.dept.sub_sector, _PROCEDURES["primary_care"])
    start = visit.seen or visit.arrived
    end = min(visit.ended, start + world.between(5, 25) * MINUTE)
    world.fhir(
        {
            "resourceType": "Procedure",
            "id": world.id("proc"),
            "status": "completed",
            "code": concept(SNOMED, code, display),
            "subject": ref("Patient", visit.record.patient_id),
            "encounter": ref("Encounter", visit.id),
            "performedPeriod": {"start": offset(start), "end": offset(end)},
        },
        visit.ended,
    )
