"""Stewards' decisions: two source identities are one person, or are not, until further notice.

Belongs here: reading, checking and writing the decisions file. Does not belong: applying them (``resolve``).
The file lies in the identity folder, outside everything that is rebuilt: back it up with the landing files.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Key = tuple[str, str]  # (source_system, source_record_id)
Text = Annotated[str, Field(min_length=1)]


class DecisionError(ValueError):
    """Decisions that cannot be read or that contradict each other; names lines of the file, never records."""


class Decision(BaseModel):
    """One decision about two source identities; ``until`` is the last day on which it holds (null = for good)."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    source_system_a: Text
    source_record_id_a: Text
    source_system_b: Text
    source_record_id_b: Text
    verdict: Literal["MATCH", "NO_MATCH"]
    decided_by: Text
    reason: Text
    decided_on: date
    until: date | None = None

    @model_validator(mode="after")
    def _two_identities(self) -> Decision:
        if self.a == self.b:
            raise ValueError("a decision needs two different source identities")
        return self

    @property
    def a(self) -> Key:
        """The first identity."""
        return self.source_system_a, self.source_record_id_a

    @property
    def b(self) -> Key:
        """The second identity."""
        return self.source_system_b, self.source_record_id_b

    def holds(self, on: date) -> bool:
        """Whether the decision is in force on a day."""
        return self.until is None or on <= self.until


def read_decisions(path: Path) -> list[Decision]:
    """Return the decisions of a CSV file ([] if there is none). Raises DecisionError naming the line."""
    if not path.exists():
        return []
    decisions = []
    with path.open(newline="", encoding="utf-8") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            try:
                decisions.append(Decision.model_validate({k: v for k, v in row.items() if v not in ("", None)}))
            except ValidationError as error:
                fields = sorted({str(part["loc"][0]) if part["loc"] else part["msg"] for part in error.errors()})
                raise DecisionError(f"{path.name} line {line}: not a decision ({', '.join(fields)})") from None
    return decisions


def write_decisions(path: Path, decisions: Iterable[Decision]) -> None:
    """Write the decisions file in one step (a reader sees the old or the new one)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(Decision.model_fields))
        writer.writeheader()
        writer.writerows(decision.model_dump() for decision in decisions)
    temporary.replace(path)


def contradictions(decisions: list[Decision]) -> list[int]:
    """Return the positions of NO_MATCH decisions whose identities MATCH decisions join, directly or in a chain."""
    parent: dict[Key, Key] = {}

    def find(key: Key) -> Key:
        while (above := parent.setdefault(key, key)) != key:
            key = above
        return key

    for decision in decisions:
        if decision.verdict == "MATCH":
            parent[find(decision.a)] = find(decision.b)
    return [i for i, d in enumerate(decisions) if d.verdict == "NO_MATCH" and find(d.a) == find(d.b)]
