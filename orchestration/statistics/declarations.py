"""What is asked of the data, read from ``declarations.yaml`` and checked.

Belongs here: the shape of the declarations. Does not belong: computing anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

DECLARATIONS_FILE = Path(__file__).with_name("declarations.yaml")

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
            raise ValueError(f"{self.column}: `event` belongs to survival outcomes, and to no other")
        if self.at_least is not None and self.kind != "binary":
            raise ValueError(f"{self.column}: `at_least` makes a binary outcome")
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
    def _names_are_declared(self) -> Declarations:
        for name, edges in self.bands.items():
            if sorted(set(edges)) != edges:
                raise ValueError(f"bands {name}: upper edges must rise")
        for name, exposure in self.exposures.items():
            _known(f"exposure {name}", [exposure.bands] if exposure.bands else [], self.bands)
        for name, family in self.families.items():
            _known(f"family {name}", [family.cases], self.cases)
            _known(f"family {name}", family.exposures, self.exposures)
            _known(f"family {name}", [*family.outcomes, *family.rates], self.outcomes)
            if wrong := [rate for rate in family.rates if self.outcomes[rate].kind != "binary"]:
                raise ValueError(f"family {name}: rates must be binary: {wrong}")
        _known("interventions", [self.interventions.cases], self.cases)
        _known("interventions", self.interventions.outcomes, self.outcomes)
        if wrong := [o for o in self.interventions.outcomes if self.outcomes[o].kind not in {"linear", "binary"}]:
            raise ValueError(f"interventions: outcomes must be linear or binary: {wrong}")
        return self


def _known(where: str, names: list[str], declared: Mapping[str, object]) -> None:
    unknown = sorted(set(names) - set(declared))
    if unknown:
        raise ValueError(f"{where}: not declared: {unknown}")


def load_declarations(path: Path = DECLARATIONS_FILE) -> Declarations:
    """Return the declarations of a YAML file.

    Raises:
        pydantic.ValidationError: an entry has a wrong shape or names something that is not declared.
    """
    return Declarations.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
