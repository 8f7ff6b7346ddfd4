"""Unbooked care: urgent care, the emergency department, and stays on the ward.

Belongs here: arrivals without appointment, crowding, leaving unseen, admission. Does not belong: booked visits.
"""

from __future__ import annotations

from functools import partial
from random import Random

from orchestration.sample import aftermath
from orchestration.sample.clock import DAY, HOUR, MINUTE, local
from orchestration.sample.encounters import REASONS, open_visit, write_encounter
from orchestration.sample.hospital import DEPARTMENTS, practitioner_id
from orchestration.sample.people import Person
from orchestration.sample.registration import pick_record
from orchestration.sample.supply import season
from orchestration.sample.world import Visit, World


def crowding(dept: str, t: int) -> float:
    """Return how full a walk-in department is (1 = usual): by hour, season, and the day's own luck."""
    now = local(t)
    by_hour = 0.6 + 0.8 * (10 <= now.hour < 22)
    luck = Random(f"{dept}/{now.date()}").lognormvariate(0, 0.35)  # noqa: S311 - the same day for every panel
    return by_hour * season(t) * luck


def urgent_care(world: World, person: Person, reason: str, t: int) -> None:
    """Walk into urgent care, within its opening hours."""
    if person.died:
        return
    hour = local(t).hour
    if not 8 <= hour < 20:
        t += (8 - hour) % 24 * HOUR + world.between(0, 90) * MINUTE
        if t > world.period.end:
            return
    dept = "urgent-east" if person.home != "primary-west" else "urgent-west"
    _walk_in(world, person, reason, (dept, "AMB", 18.0), t)


def start(world: World, people: list[Person]) -> None:
    """Put everybody's emergencies and deaths on the clock."""
    years = world.period.months / 12
    for person in people:
        age = person.age(world.period.start)
        yearly = 0.12 + 0.05 * len(person.chronic) + (0.12 if age > 75 else 0.0)
        for _ in range(_poisson(world, yearly * years)):
            _put(world, person, world.period.begin + int(world.rng.random() * years * 365 * DAY))
        if age > 55 and world.chance(0.012 * years * (age - 50) / 20):
            when = world.period.begin + int(world.rng.random() * years * 365 * DAY)
            world.at(when, partial(_die, person))


def _poisson(world: World, mean: float) -> int:
    count, left = 0, world.rng.expovariate(1)
    while left < mean:
        count += 1
        left += world.rng.expovariate(1)
    return count


def _put(world: World, person: Person, t: int) -> None:
    reasons = ("chest", "failure", "sprain") if person.chronic else ("sprain", "pneumonia", "chest", "infection")
    reason = world.rng.choice(reasons)
    world.at(t, lambda now: _emergency(world, person, reason, now))


def _die(person: Person, t: int) -> None:
    person.died = t


def _emergency(world: World, person: Person, reason: str, t: int) -> None:
    """Arrive at the emergency department; some are admitted, some leave unseen when it is crowded."""
    if person.died:
        return
    visit = _walk_in(world, person, reason, ("emergency", "EMER", 38.0), t)
    if visit.seen is not None and reason in {"chest", "failure", "pneumonia"} and world.chance(0.45):
        stay_from = visit.ended
        world.at(stay_from, lambda now: _admit(world, person, reason, now))


def _walk_in(world: World, person: Person, reason: str, where: tuple[str, str, float], t: int) -> Visit:
    """Wait as long as the crowd demands, then be seen or leave; returns the visit."""
    name, kind, usual = where
    dept, rng = DEPARTMENTS[name], world.rng
    wait = usual * crowding(name, t) * rng.lognormvariate(0, 0.4)
    leaves = wait > 45 + rng.expovariate(1 / 110)
    record = pick_record(world, person)
    arrived = t + world.between(0, 59)
    visit = Visit(
        "", "", person, record, dept, kind, REASONS[reason], practitioner_id(name, world.panel), arrived, None, None, 0
    )
    if leaves:
        visit.ended = arrived + int(rng.uniform(35, wait) * MINUTE)
    else:
        visit.roomed = arrived + int(wait * MINUTE)
        visit.seen = visit.roomed + world.between(4, 25) * MINUTE
        minutes = rng.lognormvariate(4.9, 0.5) if kind == "EMER" else rng.uniform(15, 45)
        visit.ended = visit.seen + int(minutes * MINUTE)
    open_visit(world, visit)
    write_encounter(world, visit)
    world.at(visit.ended, lambda now: aftermath.visited(world, visit))
    return visit


def _admit(world: World, person: Person, reason: str, t: int) -> None:
    """Stay on the ward for some days."""
    dept, rng = DEPARTMENTS["ward"], world.rng
    ended = t + int(max(0.7, rng.lognormvariate(1.1, 0.55)) * DAY)
    record = pick_record(world, person)
    visit = Visit(
        "",
        "",
        person,
        record,
        dept,
        "IMP",
        REASONS[reason],
        practitioner_id("ward", world.panel),
        t,
        t,
        t + HOUR,
        ended,
    )
    open_visit(world, visit)
    write_encounter(world, visit)
    world.at(ended, lambda now: aftermath.visited(world, visit))
