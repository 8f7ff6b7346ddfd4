"""A source: which delivery folders it has, which readers read them, what its identifiers are.

Belongs here: the declaration (the attributes of ``defs/sources/<name>/defs.yaml``), loading it, pulling one source.
Does not belong: a format (each has its module), Dagster (``components``).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator

from orchestration.declaration import DeclarationError, MisdeclaredError, load_declaration
from orchestration.lake import raw
from orchestration.lake.landing import LandedFile, Landing, forget
from orchestration.lake.schemas import FILES, STANDARD_TABLES
from orchestration.pull.declared import DeclaredTable
from orchestration.pull.deliveries import Readiness, feeds
from orchestration.pull.identities import IdentityMap, write_identities
from orchestration.pull.qualtrics import Qualtrics
from orchestration.pull.reader import Reader
from orchestration.pull.readers import AnyReader
from orchestration.pull.servers import AnyServer, FeedFailedError, bring_deliveries
from orchestration.settings import Settings

log = logging.getLogger(__name__)

#: Files of one batch are committed together; a killed run repeats at most this much.
BATCH_BYTES = 1 << 30
#: Names that a warning shows at most.
SHOWN = 5


class Source(BaseModel):
    """One source, as declared."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern="^[a-z][a-z0-9_]*$")
    folders: str = Field(description="Delivery folders: a glob below the delivery root, or any fsspec URL with one.")
    description: str
    owners: list[str]
    readers: list[AnyReader]
    identities: list[IdentityMap] = []
    servers: list[AnyServer] = []  # asked for new deliveries before each pull
    optional: bool = False  # context that many hospitals do not deliver: its absence is no warning
    ready: Readiness = Readiness()

    @model_validator(mode="after")
    def _tables_fit(self) -> Source:
        types: dict[tuple[str, str], pa.DataType] = {}
        for number, reader in enumerate(self.readers):
            for table, schema in reader.tables.items():
                if table in STANDARD_TABLES:
                    raise MisdeclaredError(f"every source has a table {table!r} of its own", ["readers", number])
                for name, kind in zip(schema.names, schema.types, strict=True):
                    if types.setdefault((table, name), kind) != kind:
                        raise MisdeclaredError(
                            f"column {name!r} of {table!r} has another type in another reader",
                            ["readers", number, "columns", name],
                        )
        return self

    @model_validator(mode="after")
    def _identities_fit(self) -> Source:
        for number, identity in enumerate(self.identities):
            try:
                identity.check(self.tables)
            except MisdeclaredError as error:
                raise MisdeclaredError(str(error), ["identities", number, *error.at]) from None
        return self

    @property
    def tables(self) -> dict[str, pa.Schema]:
        """The source's own raw tables; of one that several readers fill, the columns of all."""
        found: dict[str, pa.Schema] = {}
        for reader in self.readers:
            for table, schema in reader.tables.items():
                found[table] = pa.unify_schemas([found.get(table, schema), schema])
        return found

    @property
    def signature(self) -> str:
        """Changes whenever landing would give other raw rows."""
        said = [reader.signature for reader in self.readers] + [m.model_dump_json() for m in self.identities]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()[:16]

    def reader_of(self, name: str) -> Reader | None:
        """The reader for a delivered file, or None."""
        return next((reader for reader in self.readers if reader.accepts(name)), None)


@dataclass
class PullReport:
    """What one pull of one source did."""

    source: str
    files_taken: int = 0
    files_parsed: int = 0
    warnings: list[str] = field(default_factory=list)


def load_sources(folder: Path) -> list[Source]:
    """Load every declared source below ``folder`` (``<name>/defs.yaml``), in name order.

    Raises:
        DeclarationError: names each mistake with file, line and, where one is near, the name that was meant.
    """
    found: dict[str, Source] = {}
    for path in sorted(folder.glob("*/defs.yaml")):
        source = _load_source(path, path.stat().st_mtime_ns)
        if source.name in found:
            raise DeclarationError(f"{path}:1: name: another source is called {source.name!r} already")
        found[source.name] = source
    return list(found.values())


@cache
def _load_source(path: Path, changed_at: int) -> Source:
    """Load one declaration, again only when it changed: its checks ask DuckDB about every expression in it."""
    return load_declaration(path, Source)


def pull(source: Source, settings: Settings) -> PullReport:
    """Land what is new in the source's delivery folders and parse whatever raw does not hold yet.

    Raises:
        FeedFailedError: a server gave no complete data; what the others delivered has been landed and parsed.
    """
    report, failed = PullReport(source.name), list[str]()
    if source.servers:
        # What a killed run brought is dated by the manifest beside it, which the next export replaces.
        _land_new_files(source, settings, report)
        report.warnings, failed = bring_deliveries(source.servers, settings)
    _land_new_files(source, settings, report)
    for warning in report.warnings:
        log.warning(warning)
    _parse_landed(source, settings, report)
    if failed:
        raise FeedFailedError("; ".join(failed))
    return report


def _parse_landed(source: Source, settings: Settings, report: PullReport) -> None:
    folder = settings.raw / source.name
    raw.sweep(folder)
    parsed = raw.parsed_signatures(folder)
    if set(parsed.values()) - {source.signature}:
        forget(folder)
        parsed = {}
    raw.ensure_empty_tables(folder, source.tables)
    pending = [f for f in Landing(settings.landing, source.name).files() if f.file_id not in parsed]
    for batch in _batches(pending):
        _parse(source, batch, folder)
        report.files_parsed += len(batch)


def unread_folders(sources: Iterable[Source], settings: Settings) -> list[str]:
    """Return a warning where something lies beside the delivery folders that no source reads: most likely misspelt."""
    patterns = sorted(source.folders for source in sources if "://" not in source.folders)
    read = {path.name for pattern in patterns for path in settings.delivery_root.glob(pattern) if path.is_dir()}
    read.add(settings.truth.parent.name)
    root = settings.delivery_root
    unread = sorted(path.name for path in root.glob("[!.]*") if path.name not in read)
    if not unread:
        return []
    shown = ", ".join(unread[:SHOWN]) + (f" and {len(unread) - SHOWN} more" if len(unread) > SHOWN else "")
    return [f"{root}: no source reads {shown}; read are the folders {', '.join(patterns)}"]


def _land_new_files(source: Source, settings: Settings, report: PullReport) -> None:
    landing = Landing(settings.landing, source.name)
    found = feeds(source.folders, settings.delivery_root, source.ready)
    if not source.optional and not any(feed.offers or feed.waiting or feed.faults for feed in found):
        where = source.folders if "://" in source.folders else settings.delivery_root / source.folders
        report.warnings.append(f"{source.name}: nothing delivered in {where}/; its tables stay as they are")
    for feed in found:
        for offer in feed.offers:
            reader = source.reader_of(offer.name)
            if reader is None:
                report.warnings.append(
                    f"{feed.name}/{offer.name}: no reader of source {source.name} accepts this file name"
                )
            elif landed := landing.take(offer.file, feed.name, offer.name, feed.delivered_at, reader.count):
                report.files_taken += 1
                if lacking := _lacking(reader, landed.path):
                    report.warnings.append(
                        f"{feed.name}/{offer.name}: has no {', '.join(map(repr, lacking))}: left empty"
                    )
        report.warnings += [f"{feed.name}/{name}: not complete yet; left for next time" for name in feed.waiting]
        report.warnings += [f"{feed.name}/{fault}; left for next time" for fault in feed.faults]
    report.warnings += [f"{name}: {why}; left for next time" for name, why in landing.left.items()]
    landing.remember()


def _lacking(reader: Reader, path: Path) -> list[str]:
    """Return the declared names that a file's header lacks; formats without a header of names lack none."""
    return reader.lacking(path) if isinstance(reader, DeclaredTable | Qualtrics) else []


def _batches(files: Sequence[LandedFile]) -> Iterator[list[LandedFile]]:
    batch: list[LandedFile] = []
    for file in files:
        batch.append(file)
        if sum(f.bytes for f in batch) >= BATCH_BYTES:
            yield batch
            batch = []
    if batch:
        yield batch


def _parse(source: Source, files: Sequence[LandedFile], folder: Path) -> None:
    """Parse one batch, each reader its files, and make it visible."""
    batch_id = hashlib.sha256("".join(sorted(f.file_id for f in files)).encode()).hexdigest()[:12]
    combined = raw.RawBatch(folder, batch_id)
    parts: list[raw.RawBatch] = []
    for number, reader in enumerate(source.readers):
        mine = [f for f in files if source.reader_of(f.name) is reader]
        if not mine:
            continue
        part = raw.RawBatch(folder, f"{batch_id}-{number}")
        reader.parse(mine, part)
        parts.append(part)
    raw.merge(parts, combined)
    write_identities(source.identities, combined)
    combined.write("files", _file_rows(source, files, combined))
    combined.commit()


def _file_rows(source: Source, files: Sequence[LandedFile], batch: raw.RawBatch) -> pa.Table:
    newest, signature = raw.newest_versions(batch), source.signature
    now = datetime.now(UTC).replace(tzinfo=None)
    rows: list[Mapping[str, object]] = [
        {
            "file_id": f.file_id,
            "source": source.name,
            "feed": f.feed,
            "file_name": f.name,
            "sha256": f.sha256,
            "bytes": f.bytes,
            "records_delivered": f.records_delivered,
            "delivered_at": f.delivered_at,
            "observed_at": newest.get(f.file_id),
            "signature": signature,
            "ingested_at": now,
            "batch_id": batch.batch_id,
        }
        for f in files
    ]
    return pa.Table.from_pylist(rows, schema=FILES)
