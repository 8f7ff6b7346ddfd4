"""Delivered files: streams that grow record by record, and the manifest each source folder ends with.

Belongs here: opening, rolling, counting and closing of files. Does not belong: what the records say.
Memory stays flat: a record is written when it happens and forgotten. The same records give the same bytes.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import orjson

from orchestration.sample.clock import utc

Json = dict[str, Any]


class Place(NamedTuple):
    """Where a record was written: file below the source folder and its number there, counted from 1."""

    file: str
    line: int


class Output:
    """One delivered file, or, where ``pattern`` holds ``{}``, a numbered file for every ``rows`` records."""

    def __init__(self, folder: Path, pattern: str, kind: str, rows: int = 0) -> None:
        self.kind = kind
        self.files: dict[str, int] = {}
        self.last = b""
        self._folder, self._pattern, self._rows = folder, pattern, rows
        self._handle: IO[bytes] | None = None
        self._name = ""

    def line(self, data: bytes) -> Place:
        """Write one record that is one line."""
        place = self.text(data)
        self.last = data
        cast(IO[bytes], self._handle).write(b"\n")
        return place

    def text(self, data: bytes, records: int = 1) -> Place:
        """Write text that holds ``records`` records (0 for headers)."""
        if self._handle is None or (self._rows and self.files[self._name] >= self._rows):
            self._roll()
        cast(IO[bytes], self._handle).write(data)
        self.files[self._name] += records
        return Place(self._name, self.files[self._name])

    @property
    def place(self) -> Place:
        """Where the newest record stands."""
        return Place(self._name, self.files.get(self._name, 0))

    def _roll(self) -> None:
        self.close()
        self._name = self._pattern.format(f"{len(self.files):03d}")
        path = self._folder / self._name
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = path.open("wb", buffering=1 << 17)
        packed = gzip.GzipFile("", "wb", 1, plain, mtime=0) if path.suffix == ".gz" else None
        self._plain = plain
        self._handle = cast(IO[bytes], packed or plain)
        self.files[self._name] = 0

    def close(self) -> None:
        """Finish the open file."""
        if self._handle is not None:
            self._handle.close()
            self._plain.close()


class Table:
    """A CSV file: header rows first, then one record a row."""

    def __init__(self, output: Output, header: Iterable[Iterable[str]]) -> None:
        self.output = output
        self._records = 0
        self._writer = csv.writer(self, lineterminator="\n")
        for row in header:
            self._writer.writerow(row)
        self._records = 1

    def write(self, text: str) -> None:
        """Take the text of one row (called by the csv writer)."""
        self.output.last = text.encode()
        self.output.text(self.output.last, self._records)

    def row(self, values: Iterable[object]) -> Place:
        """Write one record; ``None`` is an empty field."""
        self._writer.writerow(["" if value is None else value for value in values])
        return self.output.place


class Deliveries:
    """All files of all source folders below ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.outputs: dict[tuple[str, str], Output] = {}
        self._tables: dict[tuple[str, str], Table] = {}
        self.deleted: dict[str, list[str]] = {}

    def output(self, source: str, pattern: str, kind: str, rows: int = 0) -> Output:
        """Return the stream of that name, opened at its first record."""
        key = (source, pattern)
        found = self.outputs.get(key)
        if found is None:
            found = self.outputs[key] = Output(self.root / source, pattern, kind, rows)
        return found

    def json(self, source: str, pattern: str, kind: str, record: Json, rows: int = 0) -> Place:
        """Write one record as a line of JSON."""
        return self.output(source, pattern, kind, rows).line(orjson.dumps(record))

    def table(self, source: str, name: str, header: Iterable[Iterable[str]]) -> Table:
        """Return the CSV file of that name; the header is written once."""
        key = (source, name)
        if key not in self._tables:
            self._tables[key] = Table(self.output(source, name, "csv"), header)
        return self._tables[key]

    def records(self, source: str) -> int:
        """Return how many records the source has delivered so far."""
        return sum(sum(out.files.values()) for (name, _), out in self.outputs.items() if name == source)

    def sources(self) -> list[str]:
        """Return the names of the folders written to."""
        return sorted({source for source, _ in self.outputs})

    def close(self, transaction_time: int) -> None:
        """Finish every file and write each folder's ``manifest.json`` (Bulk Data manifest shape)."""
        for out in self.outputs.values():
            out.close()
        for source in self.sources():
            self._manifest(source, transaction_time)

    def _manifest(self, source: str, transaction_time: int) -> None:
        gone = self.deleted.get(source, [])
        entries = [
            {"type": out.kind, "url": name, "count": count}
            for (folder, _), out in self.outputs.items()
            if folder == source
            for name, count in out.files.items()
        ]
        entries.sort(key=lambda entry: str(entry["url"]))
        manifest = {
            "transactionTime": utc(transaction_time),
            "request": source,
            "requiresAccessToken": False,
            "output": [entry for entry in entries if entry["url"] not in gone],
            "deleted": [entry for entry in entries if entry["url"] in gone],
            "error": [],
        }
        (self.root / source / "manifest.json").write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
