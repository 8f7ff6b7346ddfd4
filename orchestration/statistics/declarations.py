"""What is asked of the data, read from ``declarations.yaml`` and checked.

Belongs here: the shape of the declarations. Does not belong: computing anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, TypeAlias

import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from orchestration.declaration import MisdeclaredError, did_you_mean, load_declaration

DECLARATIONS_FILE = Path(__file__).with_name("declarations.yaml")

Place: TypeAlias = list[str | int]
Kind = Literal["linear", "binary", "ordinal", "survival"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(_Part):
    """Below which numbers nothing is estimated, and how much is computed at most."""

    min_cases: int = Field(default=30, ge=11)
    min_events: int = Field(default=10, ge=1)
    cases_per_term: int = Field(default=10, ge=1)
    max_cases: int = Field(default=50_000, ge=1_000)
    min_level: int = Field(default=20, ge=1)
    min_points: int = Field(default=8, ge=3)
    min_cell: int = Field(default=5, ge=1)
    few_clusters: int = Field(default=40, ge=2)
    max_assignments: int = Field(default=5_000, ge=100)


class Cases(_Part):
    """One Parquet file that dbt exported (one row a case) and what its models are adjusted for."""

    file: str
    grain: str
    spline: list[str] = []
    linear: list[str] = []
    factors: list[str] = []


class Exposure(_Part):
    """What people went through; an effect is stated per ``step`` of it."""

    column: str
    unit: str
    step: float = Field(gt=0)
    bands: str | None = None


class Outcome(_Part):
    """What followed. ``at_least`` makes a binary outcome of a number; ``event`` says whether a time ended."""

    column: str
    kind: Kind
    unit: str
    better: Literal["higher", "lower"]
    at_least: float | None = None
    event: str | None = None

    @model_validator(mode="after")
    def _fits_kind(self) -> Outcome:
        if (self.kind == "survival") != (self.event is not None):
            raise MisdeclaredError("`event` belongs to survival outcomes, and to no other", ["event"])
        if self.at_least is not None and self.kind != "binary":
            raise MisdeclaredError("`at_least` makes a binary outcome", ["at_least"])
        return self


class Family(_Part):
    """Every exposure with every outcome, for all cases and within each segment; q-values are taken within it."""

    cases: str
    exposures: list[str] = Field(min_length=1)
    outcomes: list[str] = []
    rates: list[str] = []
    segments: list[str] = []


class Interventions(_Part):
    """Which outcomes trainings and pilots are asked about."""

    cases: str
    date: str
    outcomes: list[str] = Field(min_length=1)


class Revenue(_Part):
    """When a loss counts as one (days)."""

    recovery_days: int = Field(default=90, ge=1)
    late_days: int = Field(default=90, ge=1)
    price_days: int = Field(default=365, ge=1)


class Declarations(_Part):
    """Everything an analyst may declare."""

    version: str
    limits: Limits = Limits()
    bands: dict[str, list[float]] = {}
    cases: dict[str, Cases]
    exposures: dict[str, Exposure]
    outcomes: dict[str, Outcome]
    families: dict[str, Family]
    interventions: Interventions
    revenue: Revenue = Revenue()

    @model_validator(mode="after")
    def _names_are_declared(self, info: ValidationInfo) -> Declarations:
        for name, edges in self.bands.items():
            if not edges or sorted(set(edges)) != edges:
                raise MisdeclaredError("upper edges must be given and rise", ["bands", name])
        for name, exposure in self.exposures.items():
            _known(["exposures", name, "bands"], [exposure.bands] if exposure.bands else [], self.bands)
        for name, family in self.families.items():
            at: Place = ["families", name]
            _known([*at, "cases"], [family.cases], self.cases)
            _known([*at, "exposures"], family.exposures, self.exposures)
            _known([*at, "outcomes"], family.outcomes, self.outcomes)
            _known([*at, "rates"], family.rates, self.outcomes)
            self._kinds([*at, "rates"], family.rates, {"binary"})
        _known(["interventions", "cases"], [self.interventions.cases], self.cases)
        _known(["interventions", "outcomes"], self.interventions.outcomes, self.outcomes)
        self._kinds(["interventions", "outcomes"], self.interventions.outcomes, {"linear", "binary"})
        for cases, columns in (info.context or {}).get("columns", {}).items():
            for place, column in self._columns_read(cases):
                _known(place, [column], columns, "the cases have no column")
        return self

    def _kinds(self, at: Place, outcomes: list[str], allowed: set[str]) -> None:
        for place, name in enumerate(outcomes):
            if (kind := self.outcomes[name].kind) not in allowed:
                words = " or ".join(sorted(allowed))
                raise MisdeclaredError(f"{name} is {kind}; outcomes here are {words}", [*at, place])

    def _columns_read(self, name: str) -> Iterator[tuple[Place, str]]:
        """Yield where each column of some cases is declared, and its name."""
        cases = self.cases[name]
        for part in ("spline", "linear", "factors"):
            for place, column in enumerate(getattr(cases, part)):
                yield ["cases", name, part, place], column
        for family_name, family in self.families.items():
            if family.cases != name:
                continue
            for place, column in enumerate(family.segments):
                yield ["families", family_name, "segments", place], column
            for exposure in family.exposures:
                yield ["exposures", exposure, "column"], self.exposures[exposure].column
            yield from self._outcome_columns([*family.outcomes, *family.rates])
        if self.interventions.cases == name:
            yield ["interventions", "date"], self.interventions.date
            yield from self._outcome_columns(self.interventions.outcomes)

    def _outcome_columns(self, names: Iterable[str]) -> Iterator[tuple[Place, str]]:
        for name in names:
            outcome = self.outcomes[name]
            yield ["outcomes", name, "column"], outcome.column
            if outcome.event:
                yield ["outcomes", name, "event"], outcome.event


def _known(at: Place, names: list[str], declared: Iterable[str], words: str = "not declared:") -> None:
    known = list(declared)
    for place, name in enumerate(names):
        if name not in known:
            below = [place] if at[-1] in {"exposures", "outcomes", "rates"} else []
            raise MisdeclaredError(f"{words} {name!r}{did_you_mean(name, known)}", [*at, *below])


def load_declarations(path: Path = DECLARATIONS_FILE, exchange: Path | None = None) -> Declarations:
    """Return the declarations of a YAML file.

    Args:
        path: the file.
        exchange: where dbt exported the cases; given, every declared column must stand in them.

    Raises:
        DeclarationError: names each mistake with file, line and, where one is near, the name that was meant.
    """
    declared = load_declaration(path, Declarations, key=None)
    if exchange is None:
        return declared
    files = {name: exchange / f"{cases.file}.parquet" for name, cases in declared.cases.items()}
    columns = {name: pq.read_schema(file).names for name, file in files.items() if file.exists()}
    return load_declaration(path, Declarations, key=None, context={"columns": columns})
