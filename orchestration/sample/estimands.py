"""What the planted effects come to in the terms of the estimators that look for them.

A coefficient is planted in what people feel; a statistic sees whole scores within a scale, of those who answered,
against the days from booking to the visit, and draws one line through what is curved. Here the same line is drawn
through what is true: chances and means that the simulation knows, with no dice in them. Departments and quarters are
told apart, as the statistics tell them apart.

Belongs here: sums kept while simulating, and the effects they come to. Does not belong: any delivered record.
Memory does not grow with patients: sums are kept by department, quarter and whole unit, and of experiences a sample.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import exp, log
from typing import Any, NamedTuple

from orchestration.sample.clock import DAY, HOUR, Period, quarter_start
from orchestration.sample.effects import (
    LONGEST_FELT_DAYS,
    SCALES,
    SPREADS,
    Effects,
    Experience,
    answer_chance,
    felt_lobby,
)
from orchestration.sample.people import Lead, Waits
from orchestration.sample.write import Json

Group = tuple[str, int]
WAIT_STEP_DAYS, LOBBY_STEP_MINUTES = 7, 15
VISIT_ANSWERS = 0.3  # share of visits about which a survey is answered, before feelings and age
_KEPT = 2_000


@dataclass
class Line:
    """Least squares of y on x within groups, as running sums."""

    sums: dict[Group, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0] * 5))

    def add(self, group: Group, x: float, y: float, n: float = 1.0) -> None:
        """Take ``n`` pairs."""
        sums = self.sums[group]
        for place, value in enumerate((1.0, x, y, x * x, x * y)):
            sums[place] += n * value

    def slope(self) -> float | None:
        """Return the change of y per unit of x, every group with its own level; None where x does not vary."""
        sxx = sum(xx - x * x / n for n, x, _, xx, _ in self.sums.values())
        sxy = sum(xy - x * y / n for n, x, y, _, xy in self.sums.values())
        return sxy / sxx if sxx > 1e-9 else None


class Asked(NamedTuple):
    """A visit that a survey asks about."""

    experience: Experience
    is_older: bool
    is_booked: bool
    is_seen: bool


@dataclass
class Estimands:
    """Collects what the effects come to."""

    effects: Effects
    waits: Counter[tuple[Group, int, int]] = field(default_factory=Counter)  # group, days since booking, days felt
    lobbies: Counter[tuple[Group, bool, int]] = field(default_factory=Counter)  # group, whether booked, minutes
    due: dict[tuple[Group, int], list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0, 0.0]))
    refills: Line = field(default_factory=Line)
    _visits: list[Asked] = field(default_factory=list)
    _met: int = 0
    _stride: int = 1

    def asked(self, visit: Asked) -> None:
        """Take a visit that a survey asks about; every one at first, every n-th where they become many."""
        self._met += 1
        if self._met % self._stride:
            return
        self._visits.append(visit)
        if len(self._visits) >= 2 * _KEPT:
            self._visits = self._visits[1::2]
            self._stride *= 2

    def answered(self, group: Group, lead_days: int | None, felt: float, lobby_minutes: float | None) -> None:
        """Take the exposures of a visit about which somebody answered."""
        if lead_days is not None:
            self.waits[group, lead_days, round(felt)] += 1
        if lobby_minutes is not None:
            self.lobbies[group, lead_days is not None, round(lobby_minutes)] += 1

    def appointment(self, group: Group, lead_days: int, missed: float, n: float) -> None:
        """Take ``n`` appointments of which a share ``missed`` is expected to be missed."""
        sums = self.due[group, lead_days]
        sums[0] += n
        sums[1] += n * missed

    def person(self, waits: Waits, period: Period, died: int | None) -> None:
        """Take a person's quarters: the mean wait of one against the share of the next one's days that was lost.

        As the mart sees them: the next quarter is over and lived through, and counts the drugs filled in the 365 days
        before it.
        """
        for number, leads in sorted(waits.leads.items()):
            begin, end = quarter_start(number + 1), quarter_start(number + 2)
            if end > period.end + 6 * HOUR or (died is not None and died < end):
                continue
            taken = sum(begin - 365 * DAY <= last and first < begin for first, last in waits.fills.values())
            if taken:
                mean = sum(lead.days for lead in leads) / len(leads)
                lost = waits.lost.get(number + 1, 0.0) / (taken * (end - begin) / DAY)
                self.refills.add((main_department(leads), number), mean, -lost)

    def statements(self) -> list[Json]:
        """Return each planted effect as the marts estimate it, in units of their ``exposure_step``."""
        return [*self._scores(), *self._missed(), *self._days_covered(), *self._training()]

    def _scores(self) -> Iterable[Json]:
        minutes = sorted({at for _, _, at in self.lobbies})
        felt = [float(days) for days in range(int(LONGEST_FELT_DAYS) + 1)]
        by_wait = self._curves("wait_days", felt, is_booked=True)
        # Who walks in has waited no day and is more content: near the top of the scale less can be lost.
        by_lobby = {booked: self._curves("lobby_minutes", map(felt_lobby, minutes), booked) for booked in (True, False)}
        for score in SCALES:
            wait, lobby = Line(), Line()
            for (group, lead, days), n in sorted(self.waits.items()):
                wait.add(group, lead, by_wait[days][score], n)
            for (group, booked, at), n in sorted(self.lobbies.items()):
                lobby.add(group, at, by_lobby[booked][minutes.index(at)][score], n)
            yield _association("request_to_visit_days", f"{score}_score", wait.slope(), WAIT_STEP_DAYS)
            yield _association("lobby_minutes", f"{score}_score", lobby.slope(), LOBBY_STEP_MINUTES)

    def _curves(self, exposure: str, values: Iterable[float], is_booked: bool) -> list[dict[str, float]]:
        """Return the mean answers about seen visits were everybody's wait the same, for each of some waits."""
        kept = [visit for visit in self._visits if visit.is_booked == is_booked and visit.is_seen]
        if not kept:
            return []
        seen, is_older = _stack(kept)
        return [mean_answers(self.effects, seen._replace(**{exposure: value}), is_older) for value in values]

    def _missed(self) -> Iterable[Json]:
        cells = [(group, lead, n, hits / n) for (group, lead), (n, hits) in sorted(self.due.items())]
        slope = logistic_slope(cells)
        ratio = None if slope is None else exp(slope * WAIT_STEP_DAYS)
        stated = _association("request_to_visit_days", "is_missed", None, WAIT_STEP_DAYS, "odds ratio")
        yield {**stated, "effect": ratio}

    def _days_covered(self) -> Iterable[Json]:
        yield _association("mean_request_to_visit_days", "pdc", self.refills.slope(), WAIT_STEP_DAYS)

    def _training(self) -> Iterable[Json]:
        kept = [visit for visit in self._visits if visit.experience.is_trained]
        gain = None
        if kept:
            seen, is_older = _stack(kept)
            without = mean_answers(replace(self.effects, training_csat=0.0), seen, is_older)
            gain = mean_answers(self.effects, seen, is_older)["csat"] - without["csat"]
        for design in ("interrupted_series", "difference_in_differences"):
            yield {"mart": "training_effects", "outcome": "csat_score", "design": design, "effect": gain}


def main_department(leads: Sequence[Lead]) -> str:
    """Return the department of most of a quarter's appointments, as the mart does: of equals that of the earliest."""
    counts = Counter(lead.department for lead in leads)
    firsts = {name: min(lead.due_on for lead in leads if lead.department == name) for name in counts}
    return min(counts, key=lambda name: (-counts[name], firsts[name], name))


def _association(exposure: str, outcome: str, slope: float | None, step: int, measure: str = "mean difference") -> Json:
    return {
        "mart": "associations",
        "exposure": exposure,
        "exposure_step": step,
        "outcome": outcome,
        "effect_measure": measure,
        "effect": None if slope is None else slope * step,
    }


def _stack(visits: list[Asked]) -> tuple[Experience, Any]:
    import numpy as np

    columns = np.array([visit.experience for visit in visits], dtype=float).T
    return Experience(*columns), np.array([visit.is_older for visit in visits], dtype=float)


def mean_answers(effects: Effects, seen: Experience, is_older: Any) -> dict[str, float]:
    """Return the mean of each answer, rounded to its scale, of those who answer among people with these experiences."""
    import numpy as np
    from scipy.special import ndtr

    means, parts = seen.means(effects), {}
    for score, (low, high) in SCALES.items():
        grades: Any = np.arange(low, high + 1)
        below = ndtr((grades[:-1] + 0.5 - np.asarray(means[score])[:, None]) / SPREADS[score])
        parts[score] = (grades, np.diff(below, axis=1, prepend=0.0, append=1.0))
    grades, shares = parts["nps"]
    chances = answer_chance(VISIT_ANSWERS, grades, np.asarray(is_older)[:, None])
    weights = (shares * chances).sum(axis=1)
    total = float(weights.sum())
    nps = float((shares * chances * grades).sum()) / total
    others = {score: float((weights * (parts[score][1] @ parts[score][0])).sum()) / total for score in ("csat", "ces")}
    return {"nps": nps, **others}


def logistic_slope(cells: list[tuple[Group, int, float, float]]) -> float | None:
    """Return the log odds per unit of x of the logistic line, every group with its own level, through true shares.

    Args:
        cells: group, x, how many, and the share expected; the line is that of the greatest likelihood (Newton).
    """
    import numpy as np

    if len({x for _, x, _, _ in cells}) < 2:
        return None
    groups = sorted({group for group, _, _, _ in cells})
    place = np.array([groups.index(group) for group, _, _, _ in cells])
    x, n, share = (np.array([cell[at] for cell in cells], dtype=float) for at in (1, 2, 3))
    middle = float((n * x).sum() / n.sum())
    design = np.column_stack([x - middle, np.eye(len(groups))[place]])
    overall = float((n * share).sum() / n.sum())
    beta = np.array([0.0, *[log(overall / (1 - overall))] * len(groups)])
    for _ in range(50):
        fitted = 1 / (1 + np.exp(-design @ beta))
        information = design.T @ (design * (n * fitted * (1 - fitted))[:, None])
        step = np.linalg.solve(information, design.T @ (n * (share - fitted)))
        beta += step
        if np.abs(step).max() < 1e-10:
            break
    return float(beta[0])
