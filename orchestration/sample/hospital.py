"""The hospital: departments, rooms, staff, and the trainings its staff take.

Belongs here: what stands before any patient comes. Does not belong: slots (supply.py) and visits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from orchestration.sample.fhir import NPI_SYSTEM, SNOMED, SUB_SECTOR, coding, concept, ref
from orchestration.sample.names import Pools
from orchestration.sample.people import PAYERS
from orchestration.sample.write import Json

HOSPITAL_ID = "riverside"
HOSPITAL_NAME = "Riverside Hospital"
HOSPITAL_NPI = "1234567893"
HOSPITAL_TAX_ID = "042103580"


@dataclass(frozen=True)
class Department:
    """A department: an Organization that is part of the hospital."""

    id: str
    name: str
    sub_sector: str
    specialty: tuple[str, str] = ("394802001", "General medicine")  # SNOMED
    pressure: float = 0.0  # demand per slot opened; above 1 the queue grows until people turn away
    backlog_days: int = 0  # booked out on the first day
    trained: bool = False  # takes part in the training with an effect
    cpt: tuple[str, int] = ("99213", 14_500)  # usual code and charge in cents
    has_locations: bool = True  # whether the EHR delivers its rooms

    @property
    def waiting(self) -> str:
        """Location id of the waiting area."""
        return f"{self.id}-waiting"

    @property
    def rooms(self) -> tuple[str, ...]:
        """Location ids of exam rooms or beds."""
        kind = "bed" if self.sub_sector in {"emergency", "inpatient"} else "room"
        return tuple(f"{self.id}-{kind}-{n}" for n in range(1, 4))


_MEDICINE, _CARDIO = ("394802001", "General medicine"), ("394579002", "Cardiology")
_ENDO, _ORTHO = ("394583002", "Endocrinology"), ("394801008", "Trauma and orthopedics")
_EMERGENCY = ("773568002", "Emergency medicine")

DEPARTMENTS: dict[str, Department] = {
    d.id: d
    for d in (
        Department("primary-north", "Primary Care North", "primary_care", _MEDICINE, 0.76, 4, trained=True),
        Department("primary-south", "Primary Care South", "primary_care", _MEDICINE, 1.0, 20),
        Department("primary-west", "Primary Care West", "primary_care", _MEDICINE, 0.87, 9),
        Department("cardiology", "Cardiology", "medical_specialty", _CARDIO, 0.78, 20, True, ("99214", 24_000)),
        Department("endocrinology", "Endocrinology", "medical_specialty", _ENDO, 0.85, 10, cpt=("99214", 22_500)),
        Department("orthopedics", "Orthopedics", "medical_specialty", _ORTHO, 0.72, 5, cpt=("99203", 26_000)),
        Department("urgent-east", "Urgent Care East", "urgent_care", trained=True, cpt=("99203", 18_500)),
        Department("urgent-west", "Urgent Care West", "urgent_care", cpt=("99203", 18_500)),
        Department("pharmacy", "Outpatient Pharmacy", "pharmacy"),
        Department("emergency", "Emergency Department", "emergency", _EMERGENCY, cpt=("99284", 98_000)),
        Department("ward", "Medical Ward", "inpatient", cpt=("99233", 420_000)),
    )
}
PRIMARY = ("primary-north", "primary-south", "primary-west")


def organizations() -> Iterator[Json]:
    """Yield the hospital, its departments and the insurers."""
    yield {
        "resourceType": "Organization",
        "id": HOSPITAL_ID,
        "identifier": [{"system": NPI_SYSTEM, "value": HOSPITAL_NPI}],
        "active": True,
        "type": [concept("organization-type", "prov", "Healthcare Provider")],
        "name": HOSPITAL_NAME,
    }
    for dept in DEPARTMENTS.values():
        kinds = [concept("organization-type", "dept", "Hospital Department"), {"coding": [_sub_sector(dept)]}]
        yield {
            "resourceType": "Organization",
            "id": dept.id,
            "active": True,
            "type": kinds,
            "name": dept.name,
            "partOf": ref("Organization", HOSPITAL_ID),
        }
    for code, name, _ in PAYERS.values():
        yield {
            "resourceType": "Organization",
            "id": f"payer-{code}",
            "active": True,
            "type": [concept("organization-type", "ins", "Insurance Company")],
            "name": name,
        }


def _sub_sector(dept: Department) -> Json:
    return coding(SUB_SECTOR, dept.sub_sector)


def locations(places: Pools) -> Iterator[Json]:
    """Yield each department's waiting area and rooms."""
    for number, dept in enumerate(DEPARTMENTS.values()):
        yield _location(dept, dept.waiting, "area", f"{dept.name} waiting area", places.place[number][1])
        for room in dept.rooms:
            kind = "bd" if "-bed-" in room else "ro"
            body = _location(dept, room, kind, f"{dept.name} {room.rsplit('-', 1)[1]}", places.place[number][1])
            yield {**body, "partOf": ref("Location", dept.waiting)}


def _location(dept: Department, key: str, kind: str, name: str, zip_code: str) -> Json:
    return {
        "resourceType": "Location",
        "id": key,
        "status": "active",
        "name": name,
        "address": {"city": "Boston", "state": "MA", "postalCode": zip_code, "country": "US"},
        "physicalType": concept("location-physical-type", kind),
        "managingOrganization": ref("Organization", dept.id),
    }


def practitioner_id(department: str, panel: int) -> str:
    """Return who sees the panel's patients in a department."""
    return f"dr-{department}-{panel}"


def practitioners(panel: int, rng: Random, pools: Pools) -> Iterator[Json]:
    """Yield the practitioners of one panel, one a department."""
    for number, dept in enumerate(DEPARTMENTS.values()):
        sex = rng.choice("FM")
        given = rng.choice(pools.female if sex == "F" else pools.male)
        npi = npi_number(panel * len(DEPARTMENTS) + number)
        yield {
            "resourceType": "Practitioner",
            "id": practitioner_id(dept.id, panel),
            "identifier": [{"system": NPI_SYSTEM, "value": npi}],
            "active": True,
            "name": [{"use": "official", "family": rng.choice(pools.family), "given": [given], "prefix": ["Dr."]}],
            "gender": "female" if sex == "F" else "male",
            "qualification": [{"code": concept(SNOMED, *dept.specialty)}],
        }


def npi_number(number: int) -> str:
    """Return a ten-digit NPI with its check digit (Luhn over 80840 and the first nine digits)."""
    base = f"{180_000_000 + number:09d}"
    total = 0
    for place, digit in enumerate(reversed("80840" + base)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return f"{base}{-total % 10}"


@dataclass(frozen=True)
class Training:
    """A course; ``at_share`` is where in the period it ends, ``works`` whether it has an effect."""

    name: str
    departments: tuple[str, ...]
    at_share: float
    days: int
    works: bool = False


#: One training changes how staff treat people; the others are there to be found without effect.
TRAININGS = (
    Training("Listening and service recovery", tuple(d.id for d in DEPARTMENTS.values() if d.trained), 0.5, 5, True),
    Training("Hand hygiene refresher", tuple(DEPARTMENTS), 0.25, 1),
    Training("New infusion pumps", ("emergency", "ward"), 0.6, 2),
    Training("Phone system release", ("primary-south", "orthopedics"), 0.35, 1),
)
