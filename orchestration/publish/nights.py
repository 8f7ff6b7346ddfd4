"""Night folders of the two published schemas, and the link that says which night is current.

Belongs here: names, half-written folders, the move of ``current``, pruning. Does not belong: what a night holds.

Layout: ``published/<limited|safe_harbor>/<night>/`` with ``publication.json``, and ``current`` beside them.
``limited/current`` is the one commit point: the key vault's valid keys are those of the night it names, and
``safe_harbor/current`` follows it. A process may die between any two statements here; ``recover`` on the next start
brings the folders back to what ``limited/current`` says.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import orjson

LIMITED = "limited"
SAFE_HARBOR = "safe_harbor"
CURRENT = "current"
MANIFEST = "publication.json"
_SCRATCH = ".writing-"
_NIGHT = re.compile(r"(\d{4}-\d{2}-\d{2})\.(\d+)")


@dataclass(frozen=True)
class Manifest:
    """What one night's folder says of itself: counts and digests, never a value.

    ``sequence`` counts publications (an earlier ``as_of`` may be published later); ``previous`` is the night that was
    current when this one was prepared; ``digest`` stands for the content without lineage columns.
    """

    night: str
    sequence: int
    previous: str | None
    as_of: str
    digest: str
    marts: Mapping[str, int]

    def write(self, folder: Path) -> None:
        """Write the manifest into a night's folder."""
        (folder / MANIFEST).write_bytes(orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2))


@dataclass(frozen=True)
class Shelf:
    """The nights of one published schema."""

    root: Path

    def folder(self, night: str) -> Path:
        """Where a night lies."""
        return self.root / night

    def nights(self) -> list[Manifest]:
        """Return the complete nights, oldest publication first."""
        found = (self.manifest(path.name) for path in self.root.glob("*.*") if _NIGHT.fullmatch(path.name))
        return sorted((manifest for manifest in found if manifest), key=lambda manifest: manifest.sequence)

    def manifest(self, night: str) -> Manifest | None:
        """Return what a night says of itself, None where there is no such night."""
        path = self.folder(night) / MANIFEST
        return Manifest(**orjson.loads(path.read_bytes())) if path.exists() else None

    def current(self) -> Manifest | None:
        """Return the night that ``current`` names, None before the first publication."""
        link = self.root / CURRENT
        return self.manifest(link.readlink().name) if link.is_symlink() else None

    def scratch(self, night: str) -> Path:
        """Return the folder that a night is written into; readers do not see it."""
        folder = self.root / f"{_SCRATCH}{night}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def place(self, night: str) -> Path:
        """Flush a written night to disk and give it its name; ``current`` does not move yet."""
        scratch, target = self.scratch(night), self.folder(night)
        for path in [*scratch.iterdir(), scratch]:
            _flush(path)
        scratch.rename(target)
        _flush(self.root)
        return target

    def discard(self, night: str) -> None:
        """Drop a night that was written but not placed."""
        shutil.rmtree(self.scratch(night))

    def point_to(self, night: str) -> None:
        """Move ``current`` to a night in one step: readers see the old night or the new one, never neither."""
        temporary = self.root / f".{CURRENT}"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(night, target_is_directory=True)
        temporary.replace(self.root / CURRENT)
        _flush(self.root)

    def sweep(self, committed: str | None) -> None:
        """Remove what a killed publication left: scratch folders, nights prepared on ``committed`` but not linked."""
        for scratch in self.root.glob(f"{_SCRATCH}*"):
            shutil.rmtree(scratch)
        for manifest in self.nights():
            if manifest.previous == committed and manifest.night != committed:
                shutil.rmtree(self.folder(manifest.night))

    def prune(self, keep: int) -> None:
        """Remove all but the last ``keep`` nights; never the one that ``current`` names."""
        current = self.current()
        for manifest in self.nights()[:-keep]:
            if current is None or manifest.night != current.night:
                shutil.rmtree(self.folder(manifest.night))


def recover(limited: Shelf, safe_harbor: Shelf) -> Manifest | None:
    """Undo or finish what a killed publication left, by what ``limited/current`` says; returns the current night."""
    committed = limited.current()
    night = committed.night if committed else None
    for shelf in (limited, safe_harbor):
        shelf.root.mkdir(parents=True, exist_ok=True)
    if night and safe_harbor.manifest(night) and safe_harbor.current() != safe_harbor.manifest(night):
        safe_harbor.point_to(night)
    limited.sweep(night)
    safe_harbor.sweep(night)
    return committed


def check_name(night: str, shelves: tuple[Shelf, ...]) -> str:
    """Return ``night`` if it is a free name of a night.

    Raises:
        ValueError: the name is not ``YYYY-MM-DD.<run>``, or a night has it already.
    """
    if not _NIGHT.fullmatch(night):
        raise ValueError(f"not a name of a night (YYYY-MM-DD.<run>): {night!r}")
    if any(shelf.folder(night).exists() for shelf in shelves):
        raise ValueError(f"night {night} is published already")
    return night


def next_night(as_of: date, shelves: tuple[Shelf, ...]) -> str:
    """Return ``<as_of>.<run>`` with the first run number that no shelf has used."""
    taken = [0]
    for shelf in shelves:
        for path in shelf.root.glob(f"{as_of}.*"):
            if match := _NIGHT.fullmatch(path.name):
                taken.append(int(match[2]))
    return f"{as_of}.{max(taken) + 1}"


def _flush(path: Path) -> None:
    """Force a file or folder to disk, so that a link never survives a power cut that its files did not."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
