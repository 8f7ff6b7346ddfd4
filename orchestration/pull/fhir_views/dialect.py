"""How one SQL engine says what a compiled view needs. DuckDB here; another engine is another module with these methods.

Belongs here: spelling. Does not belong: the meaning of FHIRPath (``expressions``) and of views (``compiler``).
Every method takes and returns SQL expressions; a null list is an empty collection.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from orchestration.pull.fhir_views.shape import Shape

_INTEGERS = frozenset({"integer", "positiveInt", "unsignedInt", "integer64"})


class DuckDb:
    """DuckDB's spelling. Run every statement of ``prelude`` on a connection before a compiled view."""

    prelude: tuple[str, ...] = (
        """create or replace temp macro fhir_date(x) as case
            when length(x) = 4 then try_cast(x || '-01-01' as date)
            when length(x) = 7 then try_cast(x || '-01' as date)
            when length(x) = 10 and x[5] = '-' then try_cast(x as date)
        end""",
        # A time without zone is no FHIR time; casts of text with an offset to plain timestamp would drop the offset. A
        # date without time begins at midnight in the connection's zone.
        """create or replace temp macro fhir_time(x) as make_timestamp(epoch_us(try_cast(case
            when length(x) <= 10 and not contains(x, '/') then x || substr('0000-01-01T00:00:00', length(x) + 1)
            when strpos(x, 'T') = 11 and (x[-6] in ('+', '-') or ends_with(x, 'Z')) then x
        end as timestamptz)))""",
        # Type/id, .../Type/id and either with /_history/n; not #contained, urn: or Type?query.
        """create or replace temp macro fhir_key(x, target) as case
            when target is not null and starts_with(x, target || '/') and strpos(substr(x, length(target) + 2), '/') = 0
                then nullif(substr(x, length(target) + 2), '')
            when target is null and regexp_full_match(x, '[A-Z][A-Za-z]+/[A-Za-z0-9.-]+') then split_part(x, '/', 2)
            else nullif(regexp_extract(
                x, '^(?:[^#?]*/)?' || coalesce(target, '[A-Z][A-Za-z]+') || '/([A-Za-z0-9.-]+)(?:/_history/.+)?$', 1
            ), '')
        end""",
        """create or replace temp macro fhir_date_boundary(x, high) as case
            when not high then x || substr('0000-01-01', length(x) + 1)
            when length(x) = 4 then x || '-12-31'
            when length(x) = 7 then strftime(last_day(fhir_date(x)), '%Y-%m-%d')
            else x
        end""",
        """create or replace temp macro fhir_time_boundary(x, high) as
            x || substr(if(high, '23:59:59.999', '00:00:00.000'), length(x) + 1)""",
        """create or replace temp macro fhir_datetime_boundary(x, high) as
            fhir_date_boundary(split_part(x, 'T', 1), high) || 'T'
            || fhir_time_boundary(regexp_replace(split_part(x, 'T', 2), '(Z|[+-][0-9]{2}:[0-9]{2})$', ''), high)
            || coalesce(
                nullif(regexp_extract(x, 'T.*(Z|[+-][0-9]{2}:[0-9]{2})$', 1), ''), if(high, '-12:00', '+14:00')
            )""",
        """create or replace temp macro fhir_decimal_boundary(x, high) as
            try_cast(x as double) + if(high, 0.5, -0.5) * power(10, -length(split_part(x, '.', 2)))""",
    )

    def text(self, value: str) -> str:
        """A string literal."""
        return "'" + value.replace("'", "''") + "'"

    def column(self, name: str) -> str:
        """A quoted identifier."""
        return '"' + name.replace('"', '""') + '"'

    def field(self, struct: str, name: str) -> str:
        """One field of a struct."""
        return f"{struct}.{self.column(name)}"

    def element(self, items: str, position: str) -> str:
        """The element at a position counted from 0."""
        return f"({items})[{position} + 1]"

    def length(self, items: str) -> str:
        """How many elements."""
        return f"coalesce(len({items}), 0)"

    def single(self, items: str) -> str:
        """The only element; several are an error of the view, none is null."""
        return (
            f"case when len({items}) > 1 then error('a path gives several values where one is expected') "
            f"else ({items})[1] end"
        )

    def transform(self, items: str, name: str, body: str, index: str | None = None) -> str:
        """``body`` for each element ``name``; ``index`` counts from 1."""
        names = f"{name}, {index}" if index else name
        return f"list_transform({items}, lambda {names}: {body})"

    def filter(self, items: str, name: str, condition: str) -> str:
        """Elements for which the condition is true."""
        return f"list_filter({items}, lambda {name}: {condition})"

    def flatten(self, lists: str) -> str:
        """A list of lists as one list."""
        return f"flatten({lists})"

    def concat(self, lists: Sequence[str]) -> str:
        """Several lists one after the other."""
        return lists[0] if len(lists) == 1 else f"list_concat({', '.join(lists)})"

    def join(self, items: str, separator: str) -> str:
        """Elements as one text."""
        return f"coalesce(array_to_string({items}, {separator}), '')"

    def or_null_item(self, items: str) -> str:
        """The list, or where it is empty a list of one null."""
        return f"case when {self.length(items)} = 0 then [null] else {items} end"

    def or_empty(self, items: str) -> str:
        """The list, never null."""
        return f"coalesce({items}, [])"

    def struct(self, fields: Mapping[str, str]) -> str:
        """A struct."""
        return "struct_pack(" + ", ".join(f"{self.column(n)} := {sql}" for n, sql in fields.items()) + ")"

    def list_of(self, item: str) -> str:
        """A list of one."""
        return f"[{item}]"

    def cast(self, value: str, sql_type: str) -> str:
        """A cast that gives null where the value does not fit."""
        if sql_type == "timestamp":
            return f"fhir_time({value})"
        return f"fhir_date({value})" if sql_type == "date" else f"try_cast({value} as {sql_type})"

    def reference_key(self, reference: str, target: str | None) -> str:
        """The id that a reference names, null where it is not to ``target``."""
        return f"fhir_key({reference}, {self.text(target) if target else 'null'})"

    def parse(self, document: str, shape: Shape) -> str:
        """A JSON document as a struct of the parts that ``shape`` reads; null where it is no JSON."""
        return f"try(from_json({document}, {self.text(json.dumps(structure(shape), separators=(',', ':')))}))"

    def descend(self, nodes: str, paths: Sequence[str]) -> str:
        """All JSON nodes below and including ``nodes`` along ``paths``, parents before children.

        A list function cannot recurse, so a stack is worked off: one tick a node, and each node has a brace of its own.
        """
        children = self.concat([f"json_extract(acc.stack[1], {self.text(p)})" for p in paths])
        start = f"{{'stack': {nodes}, 'done': cast([] as json[])}}"
        bound = f"len(list_filter(string_split(cast({nodes} as varchar), '{{'), lambda brace: true))"
        return (
            f"list_reduce(list_transform(range({bound}), lambda tick: {start}), lambda acc, tick: "
            f"case when len(acc.stack) = 0 then acc else {{'stack': list_concat({children}, acc.stack[2:]), "
            f"'done': list_append(acc.done, acc.stack[1])}} end, {start}).done"
        )

    def boundary(self, text: str, fhir_type: str, high: bool) -> str:
        """FHIRPath lowBoundary() / highBoundary() of a value's text."""
        kind = {"dateTime": "datetime", "instant": "datetime"}.get(fhir_type, fhir_type)
        return f"fhir_{kind}_boundary({text}, {str(high).lower()})"

    def sql_type(self, fhir_type: str) -> str:
        """The SQL type of a primitive; times and dates stay text, which keeps their precision."""
        if fhir_type in _INTEGERS:
            return "bigint"
        return {"boolean": "boolean", "decimal": "double"}.get(fhir_type, "varchar")


def structure(shape: Shape) -> Any:
    """Return what ``from_json`` takes for a shape: scalars as text, so that no value is lost or changed."""
    if shape.is_json:
        inner: Any = "JSON"
    elif shape.children:
        inner = {name: structure(child) for name, child in shape.children.items()}
    else:
        inner = "VARCHAR"
    return [inner] if shape.is_list else inner
