"""The stewards' rules, read and checked.

Belongs here: the shape of ``rules.yaml`` and its checks at load. Does not belong: running them.
"""

from __future__ import annotations

import re
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import duckdb
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from orchestration.identity.columns import BLOCKING_COLUMNS, MATCH_COLUMNS

RULES_FILE = Path(__file__).with_name("rules.yaml")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class RulesError(ValueError):
    """The rules cannot be used; the message says which entry and why."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TrustedRule(_Part):
    """Records with equal ``keys`` that satisfy ``when`` are one person, vetoes permitting."""

    name: str
    keys: list[str] = Field(min_length=1)
    when: str = "true"
    weight: float = Field(gt=0)
    grade: Literal["certain", "probable"] = "certain"


class Veto(_Part):
    """Records that satisfy ``when`` are never one person."""

    name: str
    when: str


class Clusters(_Part):
    """Guards on the shape of a person."""

    max_size: int = Field(default=25, ge=2)
    sparse_size: int = Field(default=8, ge=3)
    min_density: float = Field(default=0.5, ge=0, le=1)


class Level(_Part):
    """One grade of agreement; ``term_frequency`` names the column whose rare values weigh more."""

    label: str
    when: str
    term_frequency: str | None = None


class Comparison(_Part):
    """How one field is compared: the first level that holds counts."""

    name: str
    missing: str
    levels: list[Level] = Field(min_length=1)


class Model(_Part):
    """Matching by probability."""

    trusted_recall: float = Field(gt=0, le=1)
    em_blocking: list[list[str]] = []
    blocking: list[list[str]] = Field(min_length=1)
    person_evidence: str = "true"
    coincidence: str = "false"
    coincidence_margin: float = Field(default=0, ge=0)
    thresholds: dict[int, float] = Field(min_length=1)
    review_margin: float = Field(default=4, ge=0)
    comparisons: list[Comparison] = Field(min_length=2)

    def threshold(self, records: int) -> float:
        """Return the match weight from which a pair joins among so many records."""
        return self.thresholds[max((size for size in self.thresholds if size <= records), default=min(self.thresholds))]


class Rules(_Part):
    """Everything a steward may set about matching; conditions are SQL over two records ``l`` and ``r``."""

    version: int
    default_region: str = Field(default="US", pattern="^[A-Z]{2}$")
    extra_columns: list[str] = []
    predicates: dict[str, str] = {}
    shared_values: dict[str, int] = {}
    max_block: int = Field(default=200, ge=2)
    evidence: list[str] = Field(min_length=1)
    weak: str = "false"
    trusted_rules: list[TrustedRule]
    vetoes: list[Veto] = []
    clusters: Clusters = Clusters()
    model: Model | None = None

    @property
    def certain_weight(self) -> float:
        """Least weight of a rule that is certain."""
        return min((rule.weight for rule in self.trusted_rules if rule.grade == "certain"), default=0.0)

    @property
    def columns(self) -> dict[str, str]:
        """Columns that conditions may speak of, with their SQL types."""
        return MATCH_COLUMNS | dict.fromkeys(self.extra_columns, "varchar")

    @field_validator("trusted_rules", "vetoes")
    @classmethod
    def _unique_names(cls, entries: list[Any]) -> list[Any]:
        names = [entry.name for entry in entries]
        if len(set(names)) < len(names):
            raise ValueError("names must differ from each other")
        return entries

    @model_validator(mode="after")
    def _known_columns(self) -> Rules:
        for rule in self.trusted_rules:
            unknown = sorted(set(rule.keys) - set(self.columns))
            if unknown:
                raise ValueError(f"trusted rule {rule.name}: unknown keys {unknown}")
        for columns in [*self.model.blocking, *self.model.em_blocking] if self.model else []:
            unknown = sorted(set(columns) - set(self.columns) - set(BLOCKING_COLUMNS))
            if unknown:
                raise ValueError(f"blocking {columns}: unknown columns {unknown}")
        return self

    def sql(self, condition: str) -> str:
        """Return a condition with its ``{predicates}`` filled in; raises RulesError on an unknown or circular one."""
        for _ in range(len(self.predicates) + 1):
            if not _PLACEHOLDER.search(condition):
                return condition.strip()
            condition = _PLACEHOLDER.sub(self._predicate, condition)
        raise RulesError("predicates refer to each other in a circle")

    def _predicate(self, match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in self.predicates:
            raise RulesError(f"unknown predicate {{{name}}}")
        return f"({self.predicates[name].strip()})"

    @cached_property
    def vetoed(self) -> str:
        """SQL condition over ``l`` and ``r``: some veto holds (never null)."""
        return (
            "(" + " or ".join(f"coalesce({self.sql(v.when)}, false)" for v in self.vetoes) + ")"
            if self.vetoes
            else "false"
        )

    @cached_property
    def evident(self) -> str:
        """SQL condition over one record: it is a person by itself (never null)."""
        return "(" + " or ".join(f"coalesce({condition}, false)" for condition in self.evidence) + ")"


@lru_cache
def shipped_rules() -> Rules:
    """Return the rules of this package."""
    return load_rules()


def load_rules(path: Path = RULES_FILE, changes: dict[str, Any] | None = None) -> Rules:
    """Read and check the rules; ``changes`` replaces top-level entries. Raises RulesError naming the bad entry."""
    try:
        content = yaml.safe_load(path.read_text())
        rules = Rules.model_validate(content | (changes or {}))
    except (yaml.YAMLError, ValidationError, TypeError) as error:
        raise RulesError(f"{path.name}: {error}") from error
    _try(rules, path.name)
    return rules


def _try(rules: Rules, name: str) -> None:
    """Let DuckDB bind every condition against an empty pair of records, so that a typing error is found at load."""
    columns = ", ".join(f"null::{kind} as {column}" for column, kind in rules.columns.items())
    pair = f"(select {columns}) as l, (select {columns}) as r"
    conditions = {f"trusted rule {rule.name}": (rules.sql(rule.when), pair) for rule in rules.trusted_rules}
    conditions |= {f"veto {veto.name}": (rules.sql(veto.when), pair) for veto in rules.vetoes}
    if rules.model:
        conditions |= {"person_evidence": (rules.sql(rules.model.person_evidence), pair)}
        conditions |= {"coincidence": (rules.sql(rules.model.coincidence), pair)}
        for comparison in rules.model.comparisons:
            name_of = f"comparison {comparison.name}"
            conditions |= {f"{name_of}, missing": (rules.sql(comparison.missing), pair)}
            conditions |= {f"{name_of}, {level.label}": (rules.sql(level.when), pair) for level in comparison.levels}
    conditions |= {"weak": (rules.weak, f"(select {columns})")}
    conditions |= {f"evidence {i}": (text, f"(select {columns})") for i, text in enumerate(rules.evidence, start=1)}
    with duckdb.connect() as con:
        for entry, (condition, tables) in conditions.items():
            try:
                con.execute(f"select 1 from {tables} where {condition}").fetchall()
            except duckdb.Error as error:
                raise RulesError(f"{name}: {entry}: {error}") from error
