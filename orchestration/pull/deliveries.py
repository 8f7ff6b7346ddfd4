"""Where files are delivered: feeds of a source in local folders or behind any fsspec URL, and when a file is complete.

Belongs here: listing what may be taken, the delivery's own time. Does not belong: copying (``lake.landing``), reading.

A URL (``s3://bucket/portal*``, ``sftp://host/out/calls``) needs its fsspec package installed (extras ``s3``, ``gcs``,
``sftp``); its credentials come from fsspec's own configuration (``FSSPEC_*`` variables), never from a declaration.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

import orjson
from pydantic import BaseModel, ConfigDict, Field

from orchestration.lake.landing import MANIFEST, Delivered, LocalFile

#: What file systems call the mark of a file's version and the time of its change, the surest first.
_CHANGES = ("mtime", "LastModified", "last_modified", "updated", "created")
_VERSIONS = ("ETag", "etag", "generation", "md5Hash", "checksum", *_CHANGES)


class Readiness(BaseModel):
    """When a delivered file is complete and may be taken; by default at once (one that grows while taken waits)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stable_seconds: float = Field(default=0, ge=0, description="Seconds since the file last changed.")
    done_marker: str | None = Field(
        default=None,
        description="A file beside it, not older than it, that says it is complete: `{name}.done`, or `_SUCCESS`.",
    )


@dataclass(frozen=True)
class Offer:
    """A file in a feed's folder: ``name`` is its path below it, ``changed_at`` seconds since 1970."""

    name: str
    file: Delivered
    changed_at: float


@dataclass
class Feed:
    """One delivery folder: the files to take, and those that are left for next time.

    ``faults`` names what could not be read (a path below the folder) and why; nobody can say what it would have given.
    """

    name: str
    offers: list[Offer]
    delivered_at: datetime | None = None
    waiting: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class RemoteFile:
    """A delivered file behind a fsspec file system."""

    filesystem: Any
    path: str

    def fingerprint(self) -> list[object]:
        """Size and the file system's own mark of the version."""
        self.filesystem.invalidate_cache()
        info = self.filesystem.info(self.path)
        return [info["size"], str(_first(info, _VERSIONS))]

    def open(self) -> BinaryIO:
        """Open the file to read its bytes."""
        return cast(BinaryIO, self.filesystem.open(self.path, "rb"))


def feeds(folders: str, root: Path, ready: Readiness, now: float | None = None) -> list[Feed]:
    """Return the feeds that match ``folders``, a glob below ``root`` or a URL with one, in name order.

    ``now`` (seconds since 1970) is the clock that stability is judged by.
    """
    found = _remote(folders) if "://" in folders else _local(root, folders)
    judged_at = time.time() if now is None else now
    return [_settled(feed, ready, judged_at) for feed in sorted(found, key=lambda feed: feed.name)]


def _local(root: Path, folders: str) -> list[Feed]:
    return [_listed(folder) for folder in root.glob(folders) if folder.is_dir()]


def _listed(folder: Path) -> Feed:
    """Every file below a folder. A link to nowhere or to a folder is offered too: that it cannot be read is said."""
    feed = Feed(folder.name, [])

    def unlisted(error: OSError) -> None:
        feed.faults.append(f"{Path(error.filename).relative_to(folder)}: {error.strerror}")

    for parent, links, names in os.walk(folder, onerror=unlisted):
        for name in [*names, *(link for link in links if Path(parent, link).is_symlink())]:
            path = Path(parent, name)
            if path.is_file() or path.is_symlink():
                changed_at = (path if path.exists() else path.parent).stat().st_mtime
                feed.offers.append(Offer(path.relative_to(folder).as_posix(), LocalFile(path), changed_at))
    return feed


def _remote(url: str) -> list[Feed]:
    import fsspec  # only where something is delivered by URL

    filesystem, pattern = fsspec.core.url_to_fs(url)
    filesystem.invalidate_cache()
    folders = filesystem.glob(pattern.rstrip("/"), detail=True)
    return [
        Feed(
            PurePosixPath(folder).name,
            [
                Offer(
                    PurePosixPath(path).relative_to(folder).as_posix(),
                    RemoteFile(filesystem, path),
                    _seconds(_first(info, _CHANGES)),
                )
                for path, info in filesystem.find(folder, detail=True).items()
            ],
        )
        for folder, about in folders.items()
        if about["type"] == "directory"
    ]


def _settled(listed: Feed, ready: Readiness, now: float) -> Feed:
    """Return the feed with the files that may be taken now, none where its manifest cannot be read.

    Landed files keep the time that they were delivered at: files taken without it would never get it.
    """
    manifest = next((offer for offer in listed.offers if offer.name == MANIFEST), None)
    feed = replace(listed, offers=[])
    try:
        feed.delivered_at = _transaction_time(manifest.file) if manifest else None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no JSON object with a time as transactionTime"
        feed.faults.append(f"{MANIFEST}: {why}; the whole folder waits for it")
        return feed
    changed = {offer.name: offer.changed_at for offer in listed.offers}
    for offer in sorted(listed.offers, key=lambda offer: offer.name):
        if not _is_delivery(offer.name, ready):
            continue
        marked = ready.done_marker is None or _marked_at(offer.name, ready.done_marker, changed) >= offer.changed_at
        if marked and now - offer.changed_at >= ready.stable_seconds:
            feed.offers.append(offer)
        else:
            feed.waiting.append(offer.name)
    return feed


def _is_delivery(name: str, ready: Readiness) -> bool:
    """Whether a file is a delivery: hidden, partial, manifest and marker files are none."""
    base = PurePosixPath(name).name
    marker = re.escape(ready.done_marker or "").replace(re.escape("{name}"), ".+")
    is_partial = base[0] == "." or base.endswith((".tmp", ".part"))
    return not (base == MANIFEST or is_partial or re.fullmatch(marker, base))


def _marked_at(name: str, marker: str, changed: Mapping[str, float]) -> float:
    """Return when the marker of a file was written; before all times where there is none."""
    path = PurePosixPath(name)
    return changed.get(path.with_name(marker.replace("{name}", path.name)).as_posix(), float("-inf"))


def _transaction_time(manifest: Delivered) -> datetime | None:
    """The delivery's own time (Bulk Data manifest, transactionTime), UTC without zone; one without offset is UTC."""
    with manifest.open() as reading:
        told = orjson.loads(reading.read())
    if not isinstance(told, dict) or not isinstance(stated := told.get("transactionTime"), str | None):
        raise ValueError("no object with a text")
    moment = datetime.fromisoformat(stated) if stated else None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment and moment.tzinfo else moment


def _first(info: Mapping[str, object], names: Iterable[str]) -> object:
    return next((info[name] for name in names if info.get(name) is not None), None)


def _seconds(moment: object) -> float:
    """Return a file system's time as seconds since 1970; now where it tells none: stability is never assumed."""
    if isinstance(moment, datetime):
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if isinstance(moment, str):
        return _seconds(datetime.fromisoformat(moment))
    return float(moment) if isinstance(moment, int | float) else time.time()
