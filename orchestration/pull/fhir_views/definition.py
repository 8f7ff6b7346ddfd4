"""A SQL-on-FHIR v2 ViewDefinition as data.

Belongs here: the JSON's structure and what can be judged without types. Does not belong: paths and SQL.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator


class InvalidViewError(ValueError):
    """The ViewDefinition breaks the standard, or names what does not exist."""


class _Part(BaseModel):
    """Unknown keys are kept out of the way: descriptions, extensions and publishing metadata are the author's."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class Tag(_Part):
    """A hint for the implementation; ``ansi/type`` is the column's SQL type."""

    name: str
    value: str


class Column(_Part):
    """One column: a FHIRPath expression on the current element."""

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    path: str
    type: str | None = None
    collection: bool = False
    tag: list[Tag] = []

    @property
    def sql_type(self) -> str | None:
        """The SQL type asked for, if any."""
        return next((tag.value.lower() for tag in self.tag if tag.name == "ansi/type"), None)


class Select(_Part):
    """Columns and nested selections, for the current element or for each of several."""

    column: list[Column] = []
    select: list[Select] = []
    unionAll: list[Select] = []  # noqa: N815 - the standard's name
    forEach: str | None = None  # noqa: N815
    forEachOrNull: str | None = None  # noqa: N815
    repeat: list[str] | None = None

    @model_validator(mode="after")
    def _one_iteration(self) -> Select:
        if sum(x is not None for x in (self.forEach, self.forEachOrNull, self.repeat)) > 1:
            raise ValueError("forEach, forEachOrNull and repeat exclude each other")
        if not (self.column or self.select or self.unionAll):
            raise ValueError("a select needs column, select or unionAll")
        return self


def all_columns(selects: Sequence[Select]) -> Iterator[Column]:
    """Every column that selects give, in order; the branches of a union have the same ones."""
    for select in selects:
        yield from select.column
        yield from all_columns([*select.select, *select.unionAll[:1]])


class Where(_Part):
    """A condition on the resource."""

    path: str


class Constant(_Part):
    """A named value; exactly one ``value[x]``."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")

    @model_validator(mode="after")
    def _one_value(self) -> Constant:
        self.value()
        return self

    def value(self) -> tuple[str, Any]:
        """Return (FHIR type, value)."""
        values = [(k[5:], v) for k, v in (self.model_extra or {}).items() if k.startswith("value")]
        if len(values) != 1 or not values[0][0]:
            raise ValueError(f"constant {self.name} needs exactly one value[x]")
        fhir_type, value = values[0]
        return fhir_type[0].lower() + fhir_type[1:], value


class ViewDefinition(_Part):
    """The whole definition: which resources, which rows, which columns."""

    resource: str
    select: list[Select] = Field(min_length=1)
    where: list[Where] = []
    constant: list[Constant] = []
    name: str | None = None
    title: str | None = None
    description: str | None = None


def read_view(definition: object) -> ViewDefinition:
    """Read a ViewDefinition from parsed JSON. Raises InvalidViewError."""
    try:
        return ViewDefinition.model_validate(definition)
    except ValidationError as error:
        places = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise InvalidViewError(places) from error


def load_view(path: Path) -> ViewDefinition:
    """Read a ViewDefinition from a file. Raises InvalidViewError."""
    try:
        return read_view(orjson.loads(path.read_bytes()))
    except orjson.JSONDecodeError as error:
        raise InvalidViewError(f"{path.name} is not JSON: {error}") from error
