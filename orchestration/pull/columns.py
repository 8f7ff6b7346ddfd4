"""One declared column: how the text of a cell becomes a typed value, and what is wrong with cells that do not.

Belongs here: types, zones, units, value maps and ranges, as a declaration and as SQL.
Does not belong: where cells come from (``declared`` and the readers of fixed formats).

Nothing is guessed: a value that the declaration does not cover is a reject. Local times become UTC by their declared
zone; one that a clock change skipped does not exist, one that it repeated is ambiguous (reject unless said otherwise).
"""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from orchestration.declaration import MisdeclaredError, unknown_zone
from orchestration.lake.duck import quote
from orchestration.pull.local_times import in_utc, instant, local_to_utc, repeated, skipped, wall
from orchestration.pull.rows import Rule

ColumnType = Literal["text", "integer", "number", "decimal", "boolean", "date", "timestamp", "duration"]

SQL_TYPES: dict[ColumnType, str] = {
    "text": "varchar",
    "integer": "bigint",
    "number": "double",
    "decimal": "decimal(18,2)",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
    "duration": "double",
}
_UTC = "'UTC'"
#: Directives that DuckDB's strptime knows.
_DIRECTIVES = set("aAbBcdfgGHIjmMnpSuUVwWxXyYzZ%")
_NUMERIC = {"integer", "number", "decimal", "duration"}
_SECONDS = {"s": "1", "ms": "0.001", "min": "60"}
_UNREADABLE: dict[ColumnType, str] = {
    "integer": "number_invalid",
    "number": "number_invalid",
    "decimal": "number_invalid",
    "boolean": "boolean_invalid",
    "date": "date_invalid",
    "timestamp": "timestamp_invalid",
    "duration": "duration_invalid",
}


class Column(BaseModel):
    """How one column of a raw table is read from a delivered cell."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str | None = Field(
        default=None, alias="from", description="Delivered name or JSON path; default: the same."
    )
    type: ColumnType = "text"
    required: bool = False
    format: str | list[str] | None = Field(default=None, description="strptime format(s) of dates and timestamps.")
    zone: str | None = Field(default=None, description="IANA zone of times that carry no offset.")
    ambiguous: Literal["reject", "earlier", "later"] = "reject"
    unit: Literal["s", "ms", "min", "hh:mm:ss"] | None = Field(default=None, description="Unit of a duration.")
    values: dict[str, str | bool | int] | None = Field(default=None, description="Delivered text to value.")
    others: Literal["reject", "keep", "null"] = Field(default="reject", description="Text that `values` does not list.")
    constant: str | None = None
    min: float | None = None
    max: float | None = None

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str | None) -> str | None:
        if zone is not None and (wrong := unknown_zone(zone)):
            raise ValueError(wrong)
        return zone

    @field_validator("format")
    @classmethod
    def _known_format(cls, formats: str | list[str] | None) -> str | list[str] | None:
        for stated in _listed(formats):
            directives = re.findall(r"%-?(.?)", stated)
            if not directives or not set(directives) <= _DIRECTIVES:
                raise ValueError(f"{stated!r} is no strptime format (as %d.%m.%Y %H:%M:%S)")
        return formats

    @model_validator(mode="after")
    def _coherent(self) -> Column:
        allowed = {
            "format": {"date", "timestamp"},
            "zone": {"timestamp"},
            "unit": {"duration"},
            "min": _NUMERIC,
            "max": _NUMERIC,
            "values": {"text", "boolean", "integer"},
        }
        for key, types in allowed.items():
            if getattr(self, key) is not None and self.type not in types:
                raise ValueError(f"`{key}` belongs to type {' or '.join(sorted(types))}, not to {self.type}")
        if self.type == "duration" and self.unit is None:
            raise ValueError("a duration needs `unit`: s, ms, min or hh:mm:ss")
        if self.type == "date" and self._formats(True):
            raise ValueError("the day of a time with an offset (%z) depends on the zone: read a timestamp")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise MisdeclaredError("`min` is more than `max`", ["min"])
        for key, value in (self.values or {}).items():
            if (self.type == "boolean" and not isinstance(value, bool)) or (
                self.type == "integer" and type(value) is not int
            ):
                raise MisdeclaredError(f"{value!r} is no {self.type}", ["values", key])
        if self.constant is not None and self.type != "text":
            raise MisdeclaredError("a constant is text", ["constant"])
        return self

    @property
    def sql_type(self) -> str:
        """DuckDB type of the raw column."""
        return SQL_TYPES[self.type]

    @property
    def states_offset(self) -> bool:
        """Whether every declared format itself carries the offset."""
        return bool(self._formats(True)) and not self._formats(False)

    def _formats(self, with_offset: bool) -> list[str]:
        return [stated for stated in _listed(self.format) if ("%z" in stated) == with_offset]

    def wall_clock(self, name: str, cell: str, zone: str | None) -> list[tuple[str, str]]:
        """Return helper columns, each as (name, SQL), the later over the earlier: the wall time and its instant.

        :meth:`value` and :meth:`rules` see them, for both ask for them many times. Only local times have any.
        """
        if not self._is_local(zone):
            return []
        return [
            (wall(name), self._local(cell)),
            (instant(name), f"timezone({self._zone(zone)}, {wall(name)})"),
        ]

    def value(self, name: str, cell: str, zone: str | None) -> str:
        """Return SQL for the typed value of ``cell`` (SQL, text, null if empty); null where it cannot be read.

        ``zone`` is SQL too: the zone of local times for which the column names none.
        """
        if self.constant is not None:
            return quote(self.constant)
        if self.values is not None:
            return f"try_cast({self._mapped(cell)} as {self.sql_type})"
        if self.type == "timestamp":
            return self._utc(name, cell, zone)
        return {
            "text": cell,
            "integer": _exact(cell, "bigint"),
            "decimal": _exact(cell, "decimal(18,2)"),
            "number": _finite(f"try_cast({cell} as double)"),
            "boolean": f"try_cast({cell} as boolean)",
            "date": f"cast({_strptime(cell, _listed(self.format) or ['%Y-%m-%d'])} as date)",
            "duration": self._duration(cell),
        }[self.type]

    def rules(self, name: str, cell: str, zone: str | None) -> list[Rule]:
        """Return what can be wrong with the column; conditions see the raw ``cell`` and the typed column ``name``."""
        typed, found = f'"{name}"', []
        if self.required and self.constant is None:
            found.append(Rule("required", name, f"{cell} is null"))
        if self.values is not None and self.others == "reject":
            found.append(Rule("value_unknown", name, f"{cell} is not null and {typed} is null"))
        elif self.type == "timestamp":
            found += self._time_rules(name, cell, zone)
        elif self.type in _UNREADABLE and self.values is None:
            found.append(Rule(_UNREADABLE[self.type], name, f"{cell} is not null and {typed} is null"))
        if self.type == "duration" and self.min is None:
            found.append(Rule("duration_negative", name, f"{typed} < 0"))
        limits = [f"{typed} < {self.min}"] * (self.min is not None) + [f"{typed} > {self.max}"] * (self.max is not None)
        if limits:
            found.append(Rule("out_of_range", name, " or ".join(limits)))
        return found

    def _zone(self, default: str | None) -> str | None:
        return quote(self.zone) if self.zone else default

    def _mapped(self, cell: str) -> str:
        pairs = (self.values or {}).items()
        whens = " ".join(f"when {quote(old)} then {quote(_text(new))}" for old, new in pairs)
        return f"case {cell} {whens} else {cell if self.others == 'keep' else 'null'} end"

    def _duration(self, cell: str) -> str:
        if self.unit != "hh:mm:ss":
            return f"({_finite(f'try_cast({cell} as double)')} * {_SECONDS[self.unit or 's']})"
        shape = "'^-?([0-9]+:)?[0-9]{1,2}:[0-9]{1,2}([.][0-9]+)?$'"
        parts = f"list_transform(string_split(ltrim({cell}, '-'), ':'), lambda part: try_cast(part as double))"
        seconds = f"list_reduce({parts}, lambda total, part: total * 60 + part)"
        return (
            f"case when regexp_matches({cell}, {shape}) "
            f"then case when starts_with({cell}, '-') then -1 else 1 end * {seconds} end"
        )

    def _is_local(self, zone: str | None) -> bool:
        is_time = self.type == "timestamp" and self.constant is None and not self.states_offset
        return is_time and self._zone(zone) not in (None, _UTC)

    def _utc(self, name: str, cell: str, zone: str | None) -> str:
        stated = in_utc(f"cast({_strptime(cell, self._formats(True))} as timestamptz)")
        if self.states_offset:
            return stated
        with_offset = in_utc(f"try_cast({cell} as timestamptz)")
        if self.format is None and self._zone(zone) is None:
            return f"case when {_has_offset(cell)} then {with_offset} end"
        utc = local_to_utc(name, self._zone(zone), self.ambiguous) if self._is_local(zone) else self._local(cell)
        if self.format:
            return f"coalesce({stated}, {utc})" if self._formats(True) else utc
        return f"case when {_has_offset(cell)} then {with_offset} else {utc} end"

    def _local(self, cell: str) -> str:
        if self.format:
            return f"cast({_strptime(cell, self._formats(False))} as timestamp)"
        # A cast would pass over words, such as the name of another zone, without a word.
        plain = f"length({cell}) > 10 and regexp_full_match({cell}, '[0-9/:.T -]+')"
        return f"case when not ({_has_offset(cell)}) and {plain} then try_cast({cell} as timestamp) end"

    def _time_rules(self, name: str, cell: str, zone: str | None) -> list[Rule]:
        unread = f'{cell} is not null and "{name}" is null'
        if not self._is_local(zone):
            return [Rule("timestamp_invalid", name, unread)]
        severity = "reject" if self.ambiguous == "reject" else "warn"
        return [
            Rule("timestamp_invalid", name, f"{unread} and {wall(name)} is null"),
            Rule("time_nonexistent", name, skipped(name, self._zone(zone))),
            Rule("time_ambiguous", name, repeated(name, self._zone(zone)), severity),
        ]


def _text(value: str | bool | int) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _listed(formats: str | list[str] | None) -> list[str]:
    return formats if isinstance(formats, list) else [formats] if formats else []


def _strptime(cell: str, formats: list[str]) -> str:
    return f"try_strptime({cell}, [{', '.join(quote(f) for f in formats)}])"


def _finite(number: str) -> str:
    return f"case when isfinite({number}) then {number} end"


def _exact(cell: str, sql_type: str) -> str:
    """A cast that would round is no reading of the number."""
    exact = f"try_cast({cell} as decimal(36,8))"
    return f"case when {exact} = try_cast({exact} as {sql_type}) then try_cast({exact} as {sql_type}) end"


def _has_offset(cell: str) -> str:
    """Whether a time says its offset. ``Z`` is by far the most frequent: the rest is looked at only where it is not."""
    signs = " or ".join(f"{cell}[-{n}] in ('+', '-')" for n in (6, 5, 3))
    return f"case when ends_with({cell}, 'Z') then true else length({cell}) > 15 and ({signs}) end"
