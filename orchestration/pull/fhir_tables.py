"""One resource type: parsed once, judged, and written as raw tables.

Belongs here: the SQL program of a resource type, made from its views and rules.
Does not belong: files (``fhir_files``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import duckdb
import pyarrow as pa

from orchestration.lake.duck import quote
from orchestration.lake.raw import RawBatch
from orchestration.lake.schemas import LOCATOR, RECORDS, REJECTS
from orchestration.pull import fhir_rules
from orchestration.pull.fhir_rules import Check
from orchestration.pull.fhir_views import CompiledView, ViewDefinition, compile_view, load_view
from orchestration.pull.fhir_views.compiler import OneRow
from orchestration.pull.fhir_views.definition import all_columns
from orchestration.pull.fhir_views.dialect import DuckDb
from orchestration.pull.fhir_views.elements import is_resource
from orchestration.pull.fhir_views.shape import Shape
from orchestration.pull.rows import ARROW_TYPES

VIEWS = Path(__file__).parent / "fhir_views"
ROOT = "resource"

#: The first level of zstd packs ids and codes as small as the third, for three quarters of its time.
PARQUET = "format parquet, compression zstd, compression_level 1"

#: What every raw row of a FHIR record begins with.
KEYS = ("file_id", "line", "feed", "id_space")
PRELUDE = (*DuckDb.prelude, *fhir_rules.PRELUDE)

#: A record that could not be recognised as any resource.
UNKNOWN = "unknown"


@lru_cache
def views() -> Mapping[str, ViewDefinition]:
    """The project's views by raw table."""
    loaded = [load_view(path) for path in sorted(VIEWS.glob("*.json"))]
    return {view.name or table_name(view.resource): view for view in loaded}


@lru_cache
def _compiled(name: str) -> CompiledView:
    return compile_view(views()[name], ROOT)


def table_name(resource_type: str) -> str:
    """The table that a resource type's records are accounted under: ``MedicationRequest`` is medication_request."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", resource_type).lower()


def table_schema(view: ViewDefinition) -> pa.Schema:
    """The Arrow schema of a view's raw table, from what the view states about its columns."""
    dialect = DuckDb()
    own = [
        pa.field(column.name, ARROW_TYPES[column.sql_type or dialect.sql_type(column.type or "string")])
        for column in all_columns(view.select)
    ]
    return pa.schema([*LOCATOR, pa.field("feed", pa.string()), pa.field("id_space", pa.string()), *own])


@dataclass(frozen=True)
class ResourceTables:
    """The program of one resource type, or of records of no known type (``resource_type`` None)."""

    resource_type: str | None

    @cached_property
    def views(self) -> dict[str, CompiledView]:
        """The views of this type by raw table; none where the type is not modelled."""
        return {name: _compiled(name) for name, view in views().items() if view.resource == self.resource_type}

    @property
    def table(self) -> str:
        """Where its records are accounted."""
        return table_name(self.resource_type) if self.resource_type else UNKNOWN

    @cached_property
    def shape(self) -> Shape:
        """Everything that is parsed: what the views, the rules and the account read."""
        shape = Shape(self.resource_type or "Basic")
        shape.child("resourceType", "code", False)
        shape.child("id", "id", False)
        shape.child("meta", "Meta", False).child("lastUpdated", "instant", False)
        for view in self.views.values():
            shape.merge(view.shape)
        return shape

    def write(
        self, con: duckdb.DuckDBPyConnection, lines: str, id_space: str, severities: Mapping[str, str], out: RawBatch
    ) -> None:
        """Judge and flatten ``lines`` (file_id, feed, line, text, fault, structure; read once) into ``out``.

        Its records and findings are added to the tables `records` and `rejects` of ``con`` (see :func:`prepare`).
        """
        con.execute(f"create or replace temp table judged as {self._judged(lines, id_space)}")
        for name, view in self.views.items():
            copy(con, out, name, self._rows(name, view))
        con.execute(f"insert into rejects by name {self._found(severities)}")
        con.execute(f"insert into records by name {self._records()}")
        con.execute("drop table judged")

    @cached_property
    def _checks(self) -> list[Check]:
        return fhir_rules.checks(self.shape, ROOT) if self.resource_type else []

    def _judged(self, lines: str, id_space: str) -> str:
        """The query that parses, checks and flattens: one row a record, wide; ``failed`` numbers the failed checks."""
        is_type = f'{ROOT}."resourceType" is not distinct from {quote(self.resource_type or "")}'
        pieces = {f"check_{number}": check.when for number, check in enumerate(self._checks)}
        # Failures are rare: one cheap question first, the details only where it is answered with yes.
        is_faulty = " or ".join(pieces) or "false"
        failed = ", ".join(f"case when {name} then {number} end" for number, name in enumerate(pieces))
        columns = {"version_at": f'fhir_time({ROOT}."meta"."lastUpdated")'}
        for name, view in self.views.items():
            if isinstance(view.rows, OneRow):
                columns |= {f'"{name}.{column}"': sql for column, sql in view.rows.columns.items()}
            else:
                columns[f'"{name}"'] = view.rows.sql
        times, pieces = _times_once(pieces | columns)
        return f"""
            select file_id, line, feed, id_space, record_hash, fault, structure, {ROOT} is null as is_no_json,
                is_readable, {ROOT}.id as own_id, {", ".join(columns)},
                case when {is_faulty} then list_filter([{failed}], lambda number: number is not null) end as failed
            from (
                select *, {ROOT} is not null and {is_type} as is_readable, {_named(pieces)}
                from (
                    select *, {_named(times)}
                    from (
                        select file_id, line, feed, {id_space} as id_space, fault, structure,
                            cast(hash(text) as varchar) as record_hash,
                            case when fault is null then {DuckDb().parse("text", self.shape)} end as {ROOT}
                        from {lines}
                    )
                )
            )"""

    def _found(self, severities: Mapping[str, str]) -> str:
        """The findings of `judged`, one a row. They are rare, so what they say is put together here, by number."""
        named = ", ".join(check.finding(severities) for check in self._checks)
        return f"""
            select file_id, line, {quote(self.table)} as table_name, unnest(case
                when fault is not null then [{_finding("fault")}]
                when is_no_json then [{_finding("'json_invalid'")}]
                when not is_readable then [{_finding("'resource_type'", "'resourceType'")}]
                else fhir_findings(
                    list_transform(failed, lambda number: [{named or "null"}][number + 1]),
                    list_transform(structure, lambda finding: {_judged_finding(severities)})
                )
            end, recursive := true)
            from judged
            where failed is not null or structure is not null or not is_readable or fault is not null"""

    def _rows(self, name: str, view: CompiledView) -> str:
        keys = ", ".join(KEYS)
        if isinstance(view.rows, OneRow):
            own = ", ".join(f'"{name}.{column}" as "{column}"' for column in view.names)
            return f"select {keys}, {own} from judged where is_readable and {view.where}"
        own = ", ".join(f'one_row."{column}" as "{column}"' for column in view.names)
        return f'select {keys}, {own} from (select {keys}, unnest("{name}") as one_row from judged where is_readable)'

    def _records(self) -> str:
        good = "parsed" if self.views else "not_modelled"
        return f"""
            select file_id, line, feed, {quote(self.table)} as table_name,
                case when is_readable then id_space || {quote(f"/{self.resource_type}/")} || own_id end as record_id,
                record_hash, version_at, 'upsert' as op,
                case
                    when (file_id, line) in (select (file_id, line) from rejects where severity = 'reject')
                        then 'rejected'
                    else {quote(good)}
                end as parse_state
            from judged"""


def prepare(con: duckdb.DuckDBPyConnection) -> None:
    """Give a connection what the programs need: their macros, and empty tables `records` and `rejects` to add to."""
    for statement in PRELUDE:
        con.execute(statement)
    for name, schema in (("records", RECORDS), ("rejects", REJECTS)):
        con.from_arrow(pa.RecordBatchReader.from_batches(schema, [])).create(name)


def copy(con: duckdb.DuckDBPyConnection, out: RawBatch, table: str, query: str) -> None:
    """Write a query's rows as ``table`` of a batch."""
    con.execute(f"copy ({query}) to {quote(out.path(table))} ({PARQUET})")


def known_type(name: str | None) -> str | None:
    """``name`` where it is a FHIR resource type, else None."""
    return name if name and name[0].isupper() and name.isalpha() and is_resource(name) else None


def _times_once(pieces: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the casts of elements to times, by name, and ``pieces`` that read those: rules and columns share them."""
    times: dict[str, str] = {}

    def name(cast: re.Match[str]) -> str:
        return times.setdefault(cast[0], f"time_{len(times)}")

    changed = {key: re.sub(rf"fhir_time\({ROOT}[\w.\"]+\)", name, sql) for key, sql in pieces.items()}
    return {name: cast for cast, name in times.items()}, changed


def _named(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{sql} as {name}" for name, sql in columns.items())


def _judged_finding(severities: Mapping[str, str]) -> str:
    return fhir_rules.finding("finding.rule", "finding.element", severities, "finding.detail")


def _finding(rule: str, element: str = "null") -> str:
    return f"{{'rule': {rule}, 'element': {element}, 'severity': 'reject', 'detail': cast(null as varchar)}}"
