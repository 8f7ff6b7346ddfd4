"""Typed tables: text cells, typed column by column, judged by rules, written as a raw table.

Belongs here: columns plus key, version and row rules as one specification, used by declared tables and fixed formats.
Does not belong: cutting files into cells (``cells``), one column's types (``columns``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb
from pydantic import BaseModel, ConfigDict

from orchestration.lake.duck import session
from orchestration.lake.raw import RawBatch
from orchestration.pull import cells, columns, local_times, rows
from orchestration.pull.cells import Cells, cell
from orchestration.pull.columns import Column
from orchestration.pull.rows import RowTable, Rule, SideTable

#: The modules whose code decides what a typed table's rows are: part of every reader's signature.
MODULES = (cells, columns, local_times, rows)


class RowRule(BaseModel):
    """A condition over typed columns; rows for which it is false (not null) get finding ``rule``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: str
    requires: str
    element: str | None = None
    severity: Literal["reject", "warn"] = "reject"


@dataclass(frozen=True)
class TypedTable:
    """A raw table read from cells.

    ``record_id`` and ``version_at`` are SQL over the typed columns, ``zone`` is SQL for the zone of local times.
    ``rules`` see typed columns, ``checks`` cells as well.
    """

    name: str
    columns: Mapping[str, Column]
    record_id: str
    version_at: str = "null"
    zone: str | None = None
    rules: Sequence[RowRule] = ()
    checks: Sequence[Rule] = ()
    side_tables: Sequence[SideTable] = ()

    @property
    def cell_names(self) -> list[str]:
        """The delivered names that the columns are read from, each once."""
        delivered = (self._cell(name) for name, column in self.columns.items() if column.constant is None)
        return list(dict.fromkeys(delivered))

    @property
    def row_table(self) -> RowTable:
        """The raw table with all rules: those of its columns, then those over the row."""
        found = [
            rule
            for name, column in self.columns.items()
            for rule in column.rules(name, cell(self._cell(name)), self.zone)
        ]
        found += [Rule(r.rule, r.element, f"not ({r.requires})", r.severity) for r in self.rules]
        types = {name: column.sql_type for name, column in self.columns.items()}
        return RowTable(self.name, types, self.record_id, self.version_at, [*found, *self.checks], self.side_tables)

    def write(self, delivered: Cells, out: RawBatch) -> None:
        """Read, judge and write all delivered rows."""
        # The rows come from one generator and go to one writer: a second thread costs a third more and saves no time.
        with session(threads=1) as con:
            con.register("delivered", delivered.reader)
            self.row_table.write(con, self.query(delivered.query), out)

    def fault(self) -> str | None:
        """Return why key, version or a rule is no SQL over the declared columns, None where all are."""
        typed = ", ".join(f'null::{column.sql_type} as "{name}"' for name, column in self.columns.items())
        said = [self.record_id, self.version_at, *(rule.requires for rule in self.rules)]
        with session() as con:
            for expression in said:
                try:
                    con.execute(f"select {expression} from (select {typed}, null as file_id, null as line)").fetchall()
                except duckdb.Error as error:
                    return str(error).splitlines()[0]
        return None

    def query(self, query: str) -> str:
        """Return SQL of the typed columns beside the cells that ``query`` gives."""
        delivered = {name: cell(self._cell(name)) for name in self.columns}
        helpers = [column.wall_clock(name, delivered[name], self.zone) for name, column in self.columns.items()]
        for step in zip(*(found for found in helpers if found), strict=True):
            query = f"select *, {', '.join(f'{sql} as {name}' for name, sql in step)} from ({query})"
        typed = ", ".join(
            f'{column.value(name, delivered[name], self.zone)} as "{name}"' for name, column in self.columns.items()
        )
        return f"select *, {typed} from ({query})"

    def _cell(self, name: str) -> str:
        return self.columns[name].source or name
