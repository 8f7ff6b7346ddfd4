"""What a suite is.

Belongs here: the declaration. Does not belong: Great Expectations itself, which takes seconds to import (``run``).
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Expectation:
    """One expectation: the name of its Great Expectations class and its arguments.

    An argument may be ``{"$PARAMETER": name}``; ``run.validate`` fills it in.
    """

    kind: str
    arguments: dict[str, object] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """How a failure is named: kind and columns, never a value."""
        columns = [str(value) for key, value in sorted(self.arguments.items()) if key.lower().startswith("column")]
        return " ".join([self.kind, *columns])


def between(column: str, low: object = None, high: object = None) -> Expectation:
    """Every value of ``column`` that is not null lies in [low, high]; None leaves a side open."""
    arguments: dict[str, object] = {"column": column, "min_value": low, "max_value": high}
    return Expectation("ExpectColumnValuesToBeBetween", {k: v for k, v in arguments.items() if v is not None})


def at_least(larger: str, smaller: str) -> Expectation:
    """``larger`` >= ``smaller`` in every row that has both."""
    return Expectation(
        "ExpectColumnPairValuesAToBeGreaterThanB",
        {"column_A": larger, "column_B": smaller, "or_equal": True, "ignore_row_if": "either_value_is_missing"},
    )


def parameter(name: str) -> dict[str, str]:
    """An argument that is known only at run time."""
    return {"$PARAMETER": name}


@dataclass(frozen=True)
class Suite:
    """Expectations about one reduced frame.

    Attributes:
        name: shown as the check's name.
        asset: the table that it speaks about, (schema, table) of the warehouse.
        description: what it protects against.
        sql: the query that reduces the warehouse to the frame; a profile, never records with identifiers.
        expectations: what must hold for the frame. An empty frame fulfils them all.
        blocking: whether a failure stops the publication.
    """

    name: str
    asset: tuple[str, str]
    description: str
    sql: str
    expectations: tuple[Expectation, ...]
    blocking: bool = True
