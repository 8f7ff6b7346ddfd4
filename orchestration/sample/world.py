"""The running simulation of one panel: its clock, its dice, and where its records go.

Belongs here: what every part of the simulation shares. Does not belong: any behaviour of people or departments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random
from typing import Protocol
from uuid import UUID

from orchestration.sample.clock import MINUTE, Period, utc
from orchestration.sample.effects import Effects
from orchestration.sample.hospital import Department
from orchestration.sample.people import Person, Record
from orchestration.sample.truth import Truth
from orchestration.sample.write import Deliveries, Json

#: Types whose older versions and repetitions come in a second file, as a later export would bring them.
_RESENT = {"Appointment", "Encounter", "Condition"}
_PACKED = {"Condition", "Procedure", "Communication"}


@dataclass(frozen=True)
class Reason:
    """Why somebody comes: SNOMED code and words, and the ICD-10-CM code billed."""

    code: str
    display: str
    icd: str


@dataclass(slots=True)
class Visit:
    """One encounter as it happened."""

    id: str
    account: str
    person: Person
    record: Record
    dept: Department
    kind: str  # AMB | VR | EMER | IMP
    reason: Reason
    practitioner: str
    arrived: int
    roomed: int | None
    seen: int | None  # None: left without being seen
    ended: int
    wait_days: float | None = None  # request to visit; None where nothing was booked
    lead_days: int | None = None  # the same in calendar days from the booking, as the EHR tells it
    appointment: str | None = None
    referral: str | None = None

    @property
    def lobby_minutes(self) -> float:
        """Minutes from arrival to room, or to leaving."""
        return ((self.roomed or self.ended) - self.arrived) / MINUTE


class Biller(Protocol):
    """Whoever bills visits."""

    def bill(self, visit: Visit) -> None:
        """Charge a visit."""


@dataclass
class World:
    """One panel of patients in motion."""

    period: Period
    rng: Random
    out: Deliveries
    truth: Truth
    panel: int
    feed: str = "ehr"
    delivers: frozenset[str] | None = None  # FHIR types written; None: all
    rows_per_file: int = 0
    simulates_care: bool = True  # False: an existing EHR delivery says what care was given
    office: Biller = field(init=False)
    _events: list[tuple[int, int, Callable[[int], None]]] = field(default_factory=list)
    _scheduled: int = 0
    _ids: Counter[str] = field(default_factory=Counter)

    @property
    def effects(self) -> Effects:
        """The planted effects in force."""
        return self.truth.effects

    def chance(self, probability: float) -> bool:
        """Throw a coin."""
        return self.rng.random() < probability

    def between(self, low: int, high: int) -> int:
        """Return a whole number, both ends counted."""
        return low + int(self.rng.random() * (high - low + 1))

    def id(self, kind: str) -> str:
        """Return a new id, unique over all panels."""
        self._ids[kind] += 1
        return f"{kind}-{self.panel}-{self._ids[kind]}"

    def uuid(self) -> str:
        """Return a random UUID of this world."""
        return str(UUID(int=self.rng.getrandbits(128), version=4))

    def at(self, t: int, event: Callable[[int], None]) -> None:
        """Let ``event`` happen at ``t``; what lies after the period never does."""
        if t <= self.period.end:
            self._scheduled += 1
            heappush(self._events, (t, self._scheduled, event))

    def run(self) -> None:
        """Let everything happen, in order of time."""
        while self._events:
            t, _, event = heappop(self._events)
            event(t)

    def fhir(self, resource: Json, updated: int) -> None:
        """Deliver a resource as it stood at ``updated``; what would be known only after the period is left out."""
        kind = str(resource["resourceType"])
        if updated > self.period.end or (self.delivers is not None and kind not in self.delivers):
            return
        resource["meta"] = {"lastUpdated": utc(updated)}
        if kind == "Observation":
            self.out.json(self.feed, "Observation.{}.ndjson", kind, resource, self.rows_per_file)
            return
        name = f"{kind}.000" if kind in _RESENT else kind
        self.out.json(self.feed, f"{name}.ndjson{'.gz' if kind in _PACKED else ''}", kind, resource)
        if kind == "Condition" and self.chance(0.02):
            self.out.json(self.feed, "Condition.001.ndjson", kind, resource)  # the same record once more

    def earlier(self, resource: Json, updated: int) -> None:
        """Deliver an older version of a resource, in another file and maybe after the newer one."""
        kind = str(resource["resourceType"])
        if updated > self.period.end or (self.delivers is not None and kind not in self.delivers):
            return
        resource = {**resource, "meta": {"lastUpdated": utc(updated)}}
        self.out.json(self.feed, f"{kind}.001.ndjson", kind, resource)
