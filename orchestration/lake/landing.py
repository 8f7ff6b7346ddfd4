"""Landing: delivered files exactly as they came, each with its manifest, never changed afterwards.

Belongs here: taking a file once (by content), its manifest, listing what has landed.
Does not belong: reading what is in a file.

Layout: ``landing/<source>/<feed>/<file_id>/<base name>`` beside ``manifest.json``; the folder appears by one rename.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Protocol
from uuid import uuid4

import orjson

MANIFEST = "manifest.json"
_BLOCK_BYTES = 1 << 20
_TAKING = ".taking"


class Delivered(Protocol):
    """A file where it was delivered, wherever that is."""

    def fingerprint(self) -> list[object]:
        """What changes when the file does, told without reading it."""

    def open(self) -> BinaryIO:
        """Open the file to read its bytes."""


@dataclass(frozen=True)
class LocalFile:
    """A delivered file in a local folder."""

    path: Path

    def fingerprint(self) -> list[object]:
        """Size and time of change."""
        stat = self.path.stat()
        return [stat.st_size, stat.st_mtime_ns]

    def open(self) -> BinaryIO:
        """Open the file to read its bytes."""
        return self.path.open("rb")


@dataclass(frozen=True)
class LandedFile:
    """One delivered file in landing.

    ``name`` is its path as delivered, ``path`` where it lies now; ``file_id`` stands for its feed and content.
    """

    source: str
    feed: str
    name: str
    path: Path
    file_id: str
    sha256: str
    bytes: int
    records_delivered: int
    delivered_at: datetime | None


@dataclass
class Landing:
    """The landing area of one source."""

    root: Path
    source: str
    #: Files that were left for next time (``feed/name``), and why: still being written, or not to be read.
    left: dict[str, str] = field(default_factory=dict, init=False)
    _seen: dict[str, list[object]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Load what was seen before: an unchanged file is not hashed again every night."""
        if self._seen_path.exists():
            self._seen = orjson.loads(self._seen_path.read_bytes())

    @property
    def folder(self) -> Path:
        """Where this source's files lie."""
        return self.root / self.source

    @property
    def _seen_path(self) -> Path:
        return self.folder / "seen.json"

    def take(
        self,
        delivered: Delivered,
        feed: str,
        name: str,
        delivered_at: datetime | None,
        count: Callable[[Path], int],
    ) -> LandedFile | None:
        """Copy one delivered file into landing, unless its content has landed already.

        ``count`` counts the records of a file independently of its parser; one that can count nothing of a gzip file
        that breaks off raises as ``gzip`` does, others take what can be unpacked. Returns None where nothing new was
        taken: the content is known, or the file is left for next time (``left`` says why).
        """
        key, copy = f"{feed}/{name}", self._scratch / uuid4().hex / Path(name).name
        copied = self._copied(delivered, key, copy)
        if copied is None:
            return None
        fingerprint, digest = copied
        file_id = hashlib.sha256(f"{feed}/{digest}".encode()).hexdigest()[:16]
        target = self.folder / feed / file_id
        landed = None
        if not target.exists():
            try:
                records = count(copy)
            except (EOFError, gzip.BadGzipFile, zlib.error):
                self.left[key] = "is no whole gzip file"
                return None
            landed = LandedFile(
                source=self.source,
                feed=feed,
                name=name,
                path=target / copy.name,
                file_id=file_id,
                sha256=digest,
                bytes=copy.stat().st_size,
                records_delivered=records,
                delivered_at=delivered_at,
            )
            (copy.parent / MANIFEST).write_bytes(_manifest(landed))
            copy.chmod(0o444)
            target.parent.mkdir(exist_ok=True)
            copy.parent.rename(target)
        self._seen[key] = [*fingerprint, file_id]
        return landed

    def _copied(self, delivered: Delivered, key: str, copy: Path) -> tuple[list[object], str] | None:
        """Copy a file that was not seen before; return its fingerprint and digest, None where it is not taken now.

        Only what goes wrong where it was delivered leaves it for next time: a home that is full stops the pull.
        """
        try:
            before = delivered.fingerprint()
            if self._seen.get(key, [None])[:2] == before:
                return None
            reading = delivered.open()
        except OSError as error:
            self.left[key] = f"cannot be read ({error.strerror or type(error).__name__})"
            return None
        copy.parent.mkdir()
        with reading:
            digest = _copy_with_digest(reading, copy)
        try:
            is_settled = delivered.fingerprint() == before
        except OSError:
            is_settled = False  # taken away
        if not is_settled:
            self.left[key] = "changed while it was taken"
            return None
        return before, digest

    @cached_property
    def _scratch(self) -> Path:
        """Where files are copied before they have landed (deeper than landed files lie), without a killed run's."""
        folder = self.folder / _TAKING / "files"
        shutil.rmtree(folder.parent, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def remember(self) -> None:
        """Write down what was seen, atomically, and remove copies of what was not taken."""
        shutil.rmtree(self.folder / _TAKING, ignore_errors=True)
        if not self._seen:
            return
        scratch = self._seen_path.with_suffix(".tmp")
        scratch.write_bytes(orjson.dumps(self._seen))
        scratch.replace(self._seen_path)

    def files(self) -> Iterator[LandedFile]:
        """Every file that has landed, in a stable order."""
        for path in sorted(self.folder.glob(f"*/*/{MANIFEST}")):
            yield _read_manifest(path)


def _copy_with_digest(reading: BinaryIO, target: Path) -> str:
    digest = hashlib.sha256()
    with target.open("wb") as writing:
        while block := reading.read(_BLOCK_BYTES):
            digest.update(block)
            writing.write(block)
        writing.flush()
        os.fsync(writing.fileno())
    return digest.hexdigest()


def _manifest(landed: LandedFile) -> bytes:
    facts = asdict(landed) | {"path": landed.path.name, "landed_at": datetime.now(UTC)}
    return orjson.dumps(facts, option=orjson.OPT_INDENT_2)


def _read_manifest(path: Path) -> LandedFile:
    facts = orjson.loads(path.read_bytes())
    facts.pop("landed_at")
    delivered_at = facts["delivered_at"]
    return LandedFile(
        **facts
        | {
            "path": path.parent / facts["path"],
            "delivered_at": datetime.fromisoformat(delivered_at) if delivered_at else None,
        }
    )


def forget(folder: Path) -> None:
    """Remove a raw folder that is rebuilt from landing. Landing itself is never removed."""
    shutil.rmtree(folder, ignore_errors=True)
