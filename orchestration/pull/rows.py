"""From parsed rows to raw tables: rules judge each row once; records, rejects and the own table are written from that.

Belongs here: what every reader of rows does after parsing, as SQL. Does not belong: any format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.lake.duck import quote
from orchestration.lake.raw import ROW_GROUP, RawBatch, TableWriter
from orchestration.lake.schemas import LOCATOR, RECORDS, REJECTS

#: Beside its own columns a parsed row has these; ``fault`` is the rule by which the row could not be read at all.
PARSED = ("file_id", "line", "feed", "record_hash", "fault")


@dataclass(frozen=True)
class Rule:
    """A finding ``code`` about ``element`` wherever ``when`` (SQL over a parsed row) is true.

    ``severity`` is ``reject`` or ``warn``. ``detail`` is SQL too and must not reveal a value of the record.
    """

    code: str
    element: str | None
    when: str
    severity: str = "reject"
    detail: str = "null"

    @property
    def sql(self) -> str:
        """The finding as a SQL expression, null where there is none."""
        element = "null" if self.element is None else quote(self.element)
        return f"case when {self.when} then {_finding(quote(self.code), element, self.severity, self.detail)} end"


@dataclass(frozen=True)
class SideTable:
    """A second raw table of the same records: a query over ``judged`` (the parsed rows) that needs ``carried`` too."""

    name: str
    columns: dict[str, str]
    query: str
    carried: Sequence[str] = ()

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the table: locator, feed, own columns."""
        return _schema(self.columns)


@dataclass(frozen=True)
class RowTable:
    """A raw table of rows: its columns (name to DuckDB type), key, version and rules, all over parsed columns."""

    name: str
    columns: dict[str, str]
    record_id: str
    version_at: str = "null"
    rules: Sequence[Rule] = ()
    side_tables: Sequence[SideTable] = ()

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the raw table: locator, feed, own columns."""
        return _schema(self.columns)

    def write(self, con: duckdb.DuckDBPyConnection, parsed: str, out: RawBatch) -> None:
        """Judge the rows of ``parsed`` (SQL query, run once) and write the own table, `records` and `rejects`.

        The rows pass through a row group at a time: memory does not grow with the delivery.
        """
        own = TableWriter(out.path(self.name), self.schema)
        records, rejects = TableWriter(out.path("records"), RECORDS), TableWriter(out.path("rejects"), REJECTS)
        sides = [(side, TableWriter(out.path(side.name), side.schema)) for side in self.side_tables]
        beside = con.cursor()
        for judged in con.sql(self._judged(parsed)).to_arrow_reader(ROW_GROUP):
            rows = pa.Table.from_batches([judged])
            own.add(rows.filter(pc.is_null(rows["fault"])))
            found = _found(judged, self.name)
            rejects.add(found)
            records.add(_accounted(rows, found, self.name))
            beside.register("judged", rows)
            for side, writer in sides:
                writer.add(beside.sql(side.query).to_arrow_table())
        for writer in (own, records, rejects, *(writer for _, writer in sides)):
            writer.close()

    def _judged(self, parsed: str) -> str:
        """SQL of the rows with their key and version, and what the rules find about them."""
        unread = f"case when fault is not null then {_finding('fault', 'null', 'reject', 'null')} end"
        findings = ", ".join([unread, *(f"case when fault is null then {rule.sql} end" for rule in self.rules)])
        # Almost every row is right: findings are only made for those about which any rule has something to say.
        suspect = " or ".join(["fault is not null", *(f"({rule.when})" for rule in self.rules)])
        own = ", ".join(f'"{name}"' for name in self.columns)
        carried = dict.fromkeys(name for side in self.side_tables for name in side.carried)
        return f"""
            select {", ".join([*PARSED, own, *carried])},
                ({self.record_id})::varchar as _record_id,
                ({self.version_at})::timestamp as _version_at,
                case when {suspect} then list_filter([{findings}], lambda finding: finding is not null) end as _findings
            from ({parsed})
        """


ARROW_TYPES: dict[str, pa.DataType] = {
    "varchar": pa.string(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "decimal(18,2)": pa.decimal128(18, 2),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}


def _schema(columns: dict[str, str]) -> pa.Schema:
    own = [pa.field(name, ARROW_TYPES[kind]) for name, kind in columns.items()]
    return pa.schema([*LOCATOR, pa.field("feed", pa.string()), *own])


def _finding(rule: str, element: str, severity: str, detail: str) -> str:
    return (
        f"{{'rule': {rule}::varchar, 'element': {element}::varchar, "
        f"'severity': {quote(severity)}, 'detail': ({detail})::varchar}}"
    )


def _found(judged: pa.RecordBatch, table: str) -> pa.Table:
    """Return the findings as rows of `rejects`, and the number ``row`` of the judged row that each is about."""
    findings = judged.column("_findings")
    at = findings.value_parent_indices()
    found = pa.Table.from_struct_array(findings.flatten())
    place = judged.select(["file_id", "line"]).take(at)
    columns = {"row": at, "file_id": place["file_id"], "line": place["line"], "table_name": pa.repeat(table, len(at))}
    return pa.table({**columns, **{name: found[name] for name in found.column_names}})


def _accounted(judged: pa.Table, found: pa.Table, table: str) -> pa.Table:
    """Return the rows of `records`: a row with a finding that rejects is rejected."""
    state = np.full(judged.num_rows, "parsed", object)
    state[found["row"].filter(pc.equal(found["severity"], "reject")).to_numpy()] = "rejected"
    told = {"record_id": "_record_id", "record_hash": "record_hash", "version_at": "_version_at"}
    return pa.table(
        {
            **{name: judged[name] for name in ("file_id", "line", "feed")},
            "table_name": pa.repeat(table, judged.num_rows),
            **{name: judged[column] for name, column in told.items()},
            "op": pa.repeat("upsert", judged.num_rows),
            "parse_state": pa.array(state, pa.string()),
        }
    )
