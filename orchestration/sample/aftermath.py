"""What follows from a visit, in every system. Shared by the simulated and the given EHR.

Belongs here: the order of consequences. Does not belong: any of them.
"""

from __future__ import annotations

from orchestration.sample import calls, clinical, drugs, messages, surveys
from orchestration.sample.clock import DAY, at, day
from orchestration.sample.world import Visit, World


def visited(world: World, visit: Visit) -> None:
    """Chart, prescribe, report, bill, and ask how it was."""
    person = visit.person
    person.visits += 1
    if visit.wait_days is not None:
        person.strain = 0.5 * person.strain + 0.5 * visit.wait_days
    world.office.bill(visit)
    if person.died:
        return
    if world.simulates_care:
        clinical.chart(world, visit)
        drugs.prescribe(world, visit)
        messages.thread(world, visit)
        messages.report(world, visit)
    surveys.after_visit(world, visit)
    if visit.seen is not None and world.chance(0.12):
        moment = at(day(visit.ended + world.between(1, 8) * DAY), world.between(8, 18), world.between(0, 59))
        matter = calls.Matter(world.rng.choice(("medical_question", "refill")), visit.dept.id)
        world.at(moment, lambda now: calls.settle(world, person, now, matter))
