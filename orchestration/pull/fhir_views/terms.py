"""Compiled FHIRPath expressions: their SQL with its FHIR type, and how to get at their values.

Belongs here: what an expression is and where it stands. Does not belong: compiling one (``expressions``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from orchestration.pull.fhir_views.definition import InvalidViewError
from orchestration.pull.fhir_views.dialect import DuckDb
from orchestration.pull.fhir_views.elements import Element
from orchestration.pull.fhir_views.shape import Shape

NUMBERS = frozenset({"integer", "positiveInt", "unsignedInt", "decimal"})


@dataclass(frozen=True)
class Expr:
    """A compiled expression. ``is_text``: a primitive still as the JSON's text, cast only where its value is needed."""

    sql: str
    fhir_type: str
    many: bool = False
    shape: Shape | None = None
    is_text: bool = False
    choice: tuple[Expr, Element] | None = None


@dataclass(frozen=True)
class Scope:
    """What an expression may refer to."""

    dialect: DuckDb
    this: Expr
    constants: Mapping[str, Expr]
    row_index: str = "0"
    names: Iterator[int] = field(default_factory=lambda: count(1))
    types: dict[str, str] = field(default_factory=dict)

    def within(self, this: Expr, row_index: str | None = None) -> Scope:
        """The scope inside an element."""
        return replace(self, this=this, row_index=row_index or self.row_index)

    def fresh(self) -> str:
        """A lambda parameter that no other uses."""
        return f"x{next(self.names)}"


def value(expr: Expr, scope: Scope) -> str:
    """SQL of the single value of ``expr`` in its own SQL type."""
    if expr.choice:
        raise InvalidViewError(f"{expr.choice[1].name} has several types: use ofType()")
    sql = scope.dialect.single(expr.sql) if expr.many else expr.sql
    sql_type = scope.dialect.sql_type(expr.fhir_type)
    return scope.dialect.cast(sql, sql_type) if expr.is_text and sql_type != "varchar" else sql


def values(expr: Expr, scope: Scope) -> str:
    """SQL of all values of ``expr`` as a list."""
    if not expr.many:
        name = scope.fresh()
        return scope.dialect.filter(scope.dialect.list_of(value(expr, scope)), name, f"{name} is not null")
    sql_type = scope.dialect.sql_type(expr.fhir_type)
    if not expr.is_text or sql_type == "varchar":
        return expr.sql
    name = scope.fresh()
    return scope.dialect.transform(expr.sql, name, scope.dialect.cast(name, sql_type))


def condition(expr: Expr, scope: Scope) -> str:
    """SQL of a Boolean expression. Raises InvalidViewError for any other type."""
    if expr.fhir_type != "boolean":
        raise InvalidViewError(f"a condition must be Boolean, not {expr.fhir_type}")
    return value(expr, scope)


def literal(fhir_type: str, text: str, dialect: DuckDb) -> Expr:
    """A constant as an expression."""
    is_plain = fhir_type in NUMBERS or fhir_type == "boolean"
    return Expr(text if is_plain else dialect.text(text), fhir_type)
