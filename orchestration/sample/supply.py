"""Slots: the supply that demand meets. Waits come from here.

Belongs here: opening, offering, taking and giving back of slots. Does not belong: who asks for them and why.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from math import cos, pi
from random import Random

from orchestration.sample.clock import DAY, HOUR, MINUTE, Period, at, day, utc
from orchestration.sample.fhir import SNOMED, concept, ref
from orchestration.sample.hospital import Department, practitioner_id
from orchestration.sample.write import Json

SLOT_MINUTES = 20
HORIZON_DAYS = 45  # slots are open this long past the period's end


def season(t: int) -> float:
    """Return the demand of the season: winter +15 %, summer -15 %."""
    return 1 + 0.15 * cos(2 * pi * (day(t).timetuple().tm_yday - 15) / 365)


class SlotBook:
    """The slots of one department for one panel of patients, first come first served."""

    def __init__(self, dept: Department, panel: int, visits_a_day: float, rng: Random, period: Period) -> None:
        self.dept, self.panel = dept, panel
        self.starts: list[int] = []
        self._open(max(visits_a_day / dept.pressure, 0.4), rng, period)
        booked_out = bisect_left(self.starts, period.begin + dept.backlog_days * DAY)
        self._others = booked_out  # taken by people outside the sample
        self._free = list(range(booked_out, len(self.starts)))
        self._changed: dict[int, int] = {}
        self._busy: set[int] = set()
        self.ready: dict[int, int] = {}  # day number -> when the provider is free again

    def _open(self, slots_a_day: float, rng: Random, period: Period) -> None:
        """Open sessions from nine o'clock; about one week in twenty-six the provider is mostly away."""
        carry, week, away = rng.random(), -1, False
        for on in period.business_days(HORIZON_DAYS):
            if on.isocalendar().week != week:
                week, away = on.isocalendar().week, rng.random() < 1 / 26
            carry += slots_a_day * (0.3 if away else 1.0)
            first = at(on, 9)
            while carry >= 1:
                self.starts.append(first)
                first += SLOT_MINUTES * MINUTE
                carry -= 1

    def offer(self, t: int, skip: int) -> int | None:
        """Return the first free slot from the next morning on, passing over ``skip`` of them; None if booked out."""
        place = bisect_left(self._free, bisect_left(self.starts, t + 14 * HOUR)) + skip
        return self._free[place] if place < len(self._free) else None

    def take(self, slot: int, t: int) -> None:
        """Book a slot."""
        del self._free[bisect_left(self._free, slot)]
        self._busy.add(slot)
        self._changed[slot] = t

    def release(self, slot: int, t: int) -> None:
        """Give a slot back, to whoever asks next."""
        insort(self._free, slot)
        self._busy.discard(slot)
        self._changed[slot] = t

    def slot_id(self, slot: int) -> str:
        """Return the Slot's id."""
        return f"slot-{self.dept.id}-{self.panel}-{slot}"

    @property
    def schedule_id(self) -> str:
        """Id of the Schedule."""
        return f"sched-{self.dept.id}-{self.panel}"

    def resources(self, period: Period) -> Iterator[tuple[Json, int]]:
        """Yield the Schedule and every Slot as it stands at the end, each with its time of writing."""
        begin = period.begin - 60 * DAY
        yield (
            schedule(self.schedule_id, practitioner_id(self.dept.id, self.panel), self.dept, period),
            begin,
        )
        for number, start in enumerate(self.starts):
            status = "busy-unavailable" if number < self._others else "busy" if number in self._busy else "free"
            yield (
                slot(self.slot_id(number), self.schedule_id, self.dept, status, start),
                self._changed.get(number, begin),
            )


def schedule(key: str, practitioner: str, dept: Department, period: Period) -> Json:
    """Return a Schedule of one practitioner in one department."""
    actor = [ref("Practitioner", practitioner)]
    if dept.has_locations:
        actor.append(ref("Location", dept.waiting))
    return {
        "resourceType": "Schedule",
        "id": key,
        "active": True,
        "specialty": [concept(SNOMED, *dept.specialty)],
        "actor": actor,
        "planningHorizon": {"start": utc(period.begin), "end": utc(period.end + HORIZON_DAYS * DAY)},
    }


def slot(key: str, schedule_id: str, dept: Department, status: str, start: int) -> Json:
    """Return a Slot."""
    return {
        "resourceType": "Slot",
        "id": key,
        "serviceType": [concept(SNOMED, *dept.specialty)],
        "schedule": ref("Schedule", schedule_id),
        "status": status,
        "start": utc(start),
        "end": utc(start + SLOT_MINUTES * MINUTE),
    }
