"""What is true in the sample hospital, kept so that the pipeline can be judged by it.

Belongs here: who is who, the planted effects with what they came to, and the spoiled records. Does not belong:
the deliveries. ``truth/`` stands beside the source folders and is not a source.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from math import sqrt
from pathlib import Path

import orjson

from orchestration.sample.clock import Period, day
from orchestration.sample.effects import Effects
from orchestration.sample.estimands import Estimands
from orchestration.sample.hospital import TRAININGS
from orchestration.sample.write import Deliveries, Json, Place


@dataclass
class Association:
    """Running sums of pairs; memory does not grow with them."""

    n: int = 0
    x: float = 0.0
    y: float = 0.0
    xx: float = 0.0
    yy: float = 0.0
    xy: float = 0.0

    def add(self, x: float, y: float) -> None:
        """Take one pair."""
        self.n += 1
        self.x += x
        self.y += y
        self.xx += x * x
        self.yy += y * y
        self.xy += x * y

    def summary(self) -> Json:
        """Return n, Pearson correlation and slope; null where they are not defined."""
        sxx = self.xx - self.x * self.x / self.n if self.n else 0.0
        syy = self.yy - self.y * self.y / self.n if self.n else 0.0
        sxy = self.xy - self.x * self.y / self.n if self.n else 0.0
        defined = self.n > 2 and sxx > 1e-9 and syy > 1e-9
        return {
            "n": self.n,
            "correlation": round(sxy / sqrt(sxx * syy), 4) if defined else None,
            "slope": round(sxy / sxx, 5) if defined else None,
        }


@dataclass
class Truth:
    """Collects the truth while the deliveries are written."""

    out: Deliveries
    period: Period
    effects: Effects
    trained: frozenset[str]
    trained_from: int
    associations: dict[str, Association] = field(default_factory=dict)
    csat_means: dict[str, list[float]] = field(default_factory=dict)
    estimands: Estimands = field(init=False)
    identities: int = 0
    spoiled_by_source: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin to sum what the effects come to."""
        self.estimands = Estimands(self.effects)

    def same(self, source: str, record: str, person: int) -> None:
        """State that a source identity is a person."""
        table = self.out.table("truth", "persons.csv", [("source_system", "source_record_id", "true_person")])
        table.row((source, record, person + 1))
        self.identities += 1

    def spoil(self, source: str, place: Place, rule: str) -> None:
        """State that the record at ``place`` is broken and by which rule it must be found."""
        table = self.out.table("truth", "spoiled.csv", [("source", "file", "line", "rule")])
        table.row((source, place.file, place.line, rule))
        self.spoiled_by_source[source] = self.spoiled_by_source.get(source, 0) + 1

    def pair(self, name: str, x: float, y: float) -> None:
        """Add one pair to a realised association."""
        self.associations.setdefault(name, Association()).add(x, y)

    def csat(self, department: str, t: int, score: int) -> None:
        """Add one CSAT score to the before/after means of trained and other departments."""
        group = "trained" if department in self.trained else "other"
        when = "after" if t >= self.trained_from else "before"
        sums = self.csat_means.setdefault(f"{group}_{when}", [0, 0])
        sums[0] += score
        sums[1] += 1

    def is_trained(self, department: str, t: int) -> bool:
        """Tell whether the training is in force at a department and time."""
        return department in self.trained and t >= self.trained_from

    def write(self) -> None:
        """Write ``effects.json`` and the headers of empty tables."""
        self.out.table("truth", "persons.csv", [("source_system", "source_record_id", "true_person")])
        self.out.table("truth", "spoiled.csv", [("source", "file", "line", "rule")])
        means = {name: round(total / n, 4) for name, (total, n) in sorted(self.csat_means.items()) if n}
        four = [means.get(f"{group}_{when}") for group in ("trained", "other") for when in ("before", "after")]
        before, after, other_before, other_after = four
        change = None
        if before is not None and after is not None and other_before is not None and other_after is not None:
            change = round(after - before - (other_after - other_before), 4)
        body = {
            "planted": {
                "request_to_visit_wait": {
                    "words": "Longer waits between asking for a visit and having it make refills later (lower PDC),"
                    " scores lower and missed appointments likelier. Earlier misses make these likelier too, reminders"
                    " make them rarer.",
                    **self._coefficients("wait_day", "earlier_miss", "reminded"),
                },
                "lobby_wait": {
                    "words": "Minutes in the lobby beyond a quarter of an hour make scores lower.",
                    **self._coefficients("lobby_minute"),
                },
                "training": {
                    "words": "The training raises CSAT in its departments from the day after its last day on, and"
                    " nothing else; points are counted before rounding to the scale.",
                    "training_name": next(t.name for t in TRAININGS if t.works),
                    "department_ids": sorted(self.trained),
                    "from": day(self.trained_from).isoformat(),
                    "csat_points": self.effects.training_csat,
                },
            },
            "in_estimators_terms": {
                "words": "What the planted effects come to in each mart: of scores within their scale, of those who"
                " answer, per exposure_step; by true chances and means, not by what the dice brought.",
                "effects": [_rounded(statement) for statement in self.estimands.statements()],
            },
            "realised": {
                "associations": {name: a.summary() for name, a in sorted(self.associations.items())},
                "csat_means": means,
                "csat_difference_in_differences": change,
            },
        }
        path = Path(self.out.root) / "truth" / "effects.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(orjson.dumps(body, option=orjson.OPT_INDENT_2))

    def _coefficients(self, *kinds: str) -> Json:
        return {name: value for name, value in asdict(self.effects).items() if name.endswith(kinds)}


def _rounded(statement: Json) -> Json:
    effect = statement["effect"]
    return {**statement, "effect": None if effect is None else round(effect, 6)}
