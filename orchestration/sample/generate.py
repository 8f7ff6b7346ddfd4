"""Makes the deliveries: panel after panel of patients, each forgotten once it is written.

Belongs here: the order of the whole. Does not belong: what happens inside a panel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from random import Random

from orchestration.sample import emergency, formats, hospital, journey, names, registration, spoil
from orchestration.sample.around import Given
from orchestration.sample.billing import Office
from orchestration.sample.clock import DAY, Period, at, day
from orchestration.sample.effects import NO_EFFECTS, Effects
from orchestration.sample.people import PANEL, Census
from orchestration.sample.truth import Truth
from orchestration.sample.world import World
from orchestration.sample.write import Deliveries
from orchestration.sample.x12 import Interchanges

_NUMBERS = 512  # person numbers set aside for each panel
_TRAININGS = ["training_id", "department_id", "training_name", "started_on", "completed_on", "participants"]


@dataclass(frozen=True)
class SampleReport:
    """What was made: records delivered by source folder, and the size of the truth."""

    out: Path
    period: Period
    patients: int
    records: dict[str, int]
    identities: int
    spoiled: int


@dataclass(frozen=True)
class _Plan:
    """What every panel of one run shares."""

    out: Deliveries
    period: Period
    seed: int
    truth: Truth
    files: Interchanges
    patients: int
    other_formats: bool

    def world(self, panel: int) -> World:
        """Return a fresh world for a panel; its dice depend on seed and panel only."""
        rng = Random(f"{self.seed}/{panel}")  # noqa: S311 - a simulation, not a secret
        world = World(self.period, rng, self.out, self.truth, panel)
        world.rows_per_file = max(200, 4 * self.patients)
        world.office = Office(world, self.files)
        return world


def generate(  # noqa: PLR0913, PLR0917 - the command line's options, by name
    out: Path,
    patients: int = 500,
    seed: int = 7,
    start: date | None = None,
    months: int = 18,
    ehr: Path | None = None,
    effects: bool = True,
    other_formats: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> SampleReport:
    """Write deliveries and their truth below ``out``.

    Args:
        out: Folder to fill; files of the same names are overwritten.
        patients: People to simulate; with ``ehr`` all of its patients are taken.
        seed: The same seed and arguments give the same bytes.
        start: First day; default 2024-01-01, with ``ehr`` 18 months before its last encounter.
        months: Length of the period; everything ends with its last day (UTC).
        ehr: Folder of a FHIR NDJSON delivery to build the other sources around.
        effects: Whether the planted effects are in force.
        other_formats: Whether the other vendors' formats are written too, in folders of their own (not with ``ehr``).
        progress: Called with panels done and panels in all.
    """
    given = Given.read(ehr, start, months) if ehr else None
    period = given.period if given else Period(start or date(2024, 1, 1), months)
    deliveries = Deliveries(out)
    trained = given.trained if given else frozenset(d.id for d in hospital.DEPARTMENTS.values() if d.trained)
    truth = Truth(
        deliveries, period, Effects() if effects else NO_EFFECTS, trained, _trained_from(period, hospital.TRAININGS[0])
    )
    plan = _Plan(
        deliveries, period, seed, truth, Interchanges(deliveries), given.count if given else patients, other_formats
    )
    _trainings(plan, given)
    if given is None:
        _hospital(plan)
    panels = -(-plan.patients // PANEL)
    for panel in range(panels):
        world = plan.world(panel)
        if given is not None:
            given.run(world, panel)
        else:
            _run(plan, world, min(PANEL, patients - panel * PANEL))
        if panel == 0:
            spoil.damage(world, _office(world))
        _office(world).flush()
        progress(panel + 1, panels)
    return _finish(plan, ehr)


def _office(world: World) -> Office:
    assert isinstance(world.office, Office)  # noqa: S101 - set in _Plan.world
    return world.office


def _run(plan: _Plan, world: World, count: int) -> None:
    """Simulate one panel of the sample hospital."""
    people = Census(world.rng, plan.period, plan.seed, world.panel * _NUMBERS).people(count)
    for resource in hospital.practitioners(world.panel, world.rng, names.pools(plan.seed)):
        world.fhir(resource, plan.period.begin - 900 * DAY)
    for person in people:
        registration.register(world, person)
    clinics = journey.open_clinics(world, people)
    clinics.start(people)
    emergency.start(world, people)
    world.run()
    registration.write_people(world, people)
    if plan.other_formats:
        formats.tell(world, people, plan.seed)
    for person in people:
        plan.truth.estimands.person(person.waits, plan.period, person.died)
    for book in clinics.books.values():
        for resource, updated in book.resources(plan.period):
            world.fhir(resource, updated)


def _hospital(plan: _Plan) -> None:
    world = plan.world(-1)
    for resource in (*hospital.organizations(), *hospital.locations(names.pools(plan.seed))):
        world.fhir(resource, plan.period.begin - 1000 * DAY)
    if plan.other_formats:
        formats.context(world, plan.seed)


def _trained_from(period: Period, training: hospital.Training) -> int:
    """Return the local midnight that follows a training's last day."""
    share = period.begin + int((period.end - period.begin) * training.at_share)
    return at(day(share + DAY))


def _trainings(plan: _Plan, given: Given | None) -> None:
    """Write which departments' staff took which course."""
    table = plan.out.table("staff", "trainings.csv", [_TRAININGS])
    rng, number = Random(f"{plan.seed}/staff"), 0  # noqa: S311
    for training in hospital.TRAININGS:
        departments = training.departments if given is None else (sorted(given.trained) if training.works else [])
        last = day(_trained_from(plan.period, training) - DAY)
        first = day(at(last) - (training.days - 1) * DAY)
        for department in departments:
            number += 1
            row = (f"TR{number:04d}", department, training.name, first, last, rng.randrange(6, 30))
            table.row(row)


def _finish(plan: _Plan, ehr: Path | None) -> SampleReport:
    plan.files.close()
    plan.truth.write()
    plan.out.close(plan.period.end)
    if ehr is not None and not (plan.out.root / "ehr").exists():
        (plan.out.root / "ehr").symlink_to(ehr.resolve(), target_is_directory=True)
    records = {source: plan.out.records(source) for source in plan.out.sources() if source != "truth"}
    spoiled = sum(plan.truth.spoiled_by_source.values())
    return SampleReport(plan.out.root, plan.period, plan.patients, records, plan.truth.identities, spoiled)
