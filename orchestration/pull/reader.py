"""The contract every file reader fulfils, so that landing, accounting and identity work the same for all.

Belongs here: the protocol. Does not belong: any format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from orchestration.lake.landing import LandedFile
from orchestration.lake.raw import RawBatch


class Reader(Protocol):
    """Turns landed files of one format into raw tables."""

    @property
    def signature(self) -> str:
        """Changes whenever the same bytes would give other rows; raw is then rebuilt from landing."""

    @property
    def tables(self) -> Mapping[str, pa.Schema]:
        """The reader's own tables; each schema begins with ``lake.schemas.LOCATOR`` and ``feed``."""

    def accepts(self, name: str) -> bool:
        """Whether a file of this name (path as delivered, below the feed's folder) is this reader's."""

    def count(self, path: Path) -> int:
        """Records in the file, counted without parsing them: what the account must add up to."""

    def parse(self, files: Sequence[LandedFile], out: RawBatch) -> None:
        """Write the reader's own tables plus `records` and `rejects` (``lake.schemas``) for ``files``.

        Every delivered record gets exactly one `records` row and, where it can be flattened, its table rows, rejected
        or not. Bad records never raise. ``file_id`` and ``feed`` of a row are those of its file; a landed file lies at
        ``landing/<source>/<feed>/<file_id>/<name>``, so SQL can take them from DuckDB's ``filename`` column.
        """
