"""From parsed rows to raw tables: rules judge each row once; records, rejects and the own table are written from that.

Belongs here: what every reader of rows does after parsing, as SQL. Does not belong: any format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from orchestration.lake.duck import quote
from orchestration.lake.raw import PARQUET_OPTIONS, RawBatch
from orchestration.lake.schemas import LOCATOR

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
        """Judge the rows of ``parsed`` (SQL query, run once) and write the own table, `records` and `rejects`."""
        unread = f"case when fault is not null then {_finding('fault', 'null', 'reject', 'null')} end"
        findings = ", ".join([unread, *(f"case when fault is null then {rule.sql} end" for rule in self.rules)])
        # Almost every row is right: findings are only made for those about which any rule has something to say.
        suspect = " or ".join(["fault is not null", *(f"({rule.when})" for rule in self.rules)])
        own = ", ".join(f'"{name}"' for name in self.columns)
        carried = dict.fromkeys(name for side in self.side_tables for name in side.carried)
        con.execute(f"""
            create or replace temp table judged as
            select {", ".join([*PARSED, own, *carried])},
                ({self.record_id})::varchar as _record_id,
                ({self.version_at})::timestamp as _version_at,
                case
                    when {suspect} then list_filter([{findings}], lambda finding: finding is not null)
                    else []
                end as _findings
            from ({parsed})
        """)
        _copy(con, out, self.name, f"select file_id, line, feed, {own} from judged where fault is null")
        _copy(
            con,
            out,
            "records",
            f"""
            select file_id, line, feed, {quote(self.name)} as table_name, _record_id as record_id, record_hash,
                _version_at as version_at, 'upsert' as op,
                case
                    when len(list_filter(_findings, lambda finding: finding.severity = 'reject')) > 0 then 'rejected'
                    else 'parsed'
                end as parse_state
            from judged
        """,
        )
        _copy(
            con,
            out,
            "rejects",
            f"""
            select file_id, line, {quote(self.name)} as table_name,
                finding.rule as rule, finding.element as element, finding.severity as severity, finding.detail as detail
            from (select file_id, line, unnest(_findings) as finding from judged where len(_findings) > 0)
        """,
        )
        for side in self.side_tables:
            names = ", ".join(f'"{name}"' for name in side.columns)
            _copy(con, out, side.name, f"select file_id, line, feed, {names} from ({side.query})")
        con.execute("drop table judged")


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


def _copy(con: duckdb.DuckDBPyConnection, out: RawBatch, table: str, query: str) -> None:
    con.execute(f"copy ({query}) to {quote(out.path(table))} ({PARQUET_OPTIONS})")
