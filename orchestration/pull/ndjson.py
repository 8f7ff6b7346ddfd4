"""What the readers of one fixed JSON-lines format share: a typed table over dotted paths.

Belongs here: reading, counting and naming for such a format. Does not belong: any format's fields.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from orchestration.lake.landing import LandedFile
from orchestration.lake.raw import RawBatch
from orchestration.pull import lines, typed
from orchestration.pull.cells import json_lines_cells
from orchestration.pull.columns import Column
from orchestration.pull.paths import path_matches, signature_of
from orchestration.pull.typed import TypedTable


class JsonLines(BaseModel):
    """A reader of JSON lines of one shape; subclasses give ``kind`` and the typed table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = Field(default="**", description="Glob over the delivered path below the feed's folder.")

    @property
    def typed_table(self) -> TypedTable:
        """The table that the lines become."""
        raise NotImplementedError

    @property
    def signature(self) -> str:
        """Changes with the declaration and with the code that reads by it."""
        return signature_of(self.model_dump_json(), sys.modules[type(self).__module__], lines, *typed.MODULES)

    @property
    def tables(self) -> dict[str, pa.Schema]:
        """The one table."""
        return {self.typed_table.name: self.typed_table.row_table.schema}

    def accepts(self, name: str) -> bool:
        """Whether the delivered path matches."""
        return path_matches(name, self.path)

    def count(self, path: Path) -> int:
        """Lines that are not blank."""
        return lines.count_lines(path)

    def parse(self, files: Sequence[LandedFile], out: RawBatch) -> None:
        """Write the table, `records` and `rejects`."""
        table = self.typed_table
        table.write(json_lines_cells(files, table.cell_names), out)


def field(path: str, **declared: object) -> Column:
    """Return a column read from a dotted JSON path."""
    return Column.model_validate({"from": path, **declared})
