"""FHIR documents that hold many records: Bundles (collection, searchset, transaction, deletions) and JSON arrays.

Belongs here: taking them apart into numbered records, in memory that the longest record (or line) bounds.
Does not belong: judging and flattening (``fhir_files``).
A file of documents is numbered by record, not by line, because one line may hold many.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from orchestration.lake.landing import LandedFile
from orchestration.pull.fhir_gate import may_repeat_keys, repeated_keys
from orchestration.pull.json_stream import ArrayElements
from orchestration.pull.lines import byte_blocks

_Record = dict[str, Any]

#: One record of a document. ``text`` is its JSON; a deletion has ``deleted_id`` and ``stated_at`` instead.
RECORDS = pa.schema(
    [
        pa.field("file_id", pa.string()),
        pa.field("feed", pa.string()),
        pa.field("line", pa.int64()),
        pa.field("text", pa.string()),
        pa.field("fault", pa.string()),
        pa.field("resource_type", pa.string()),
        pa.field("deleted_id", pa.string()),
        pa.field("stated_at", pa.string()),
    ]
)

_BATCH = 1_000
_REFERENCE = re.compile(rb'"reference":"(urn:[^"\\]*)"')
_LOOKS_LIKE_BUNDLE = re.compile(rb'"resourceType"\s*:\s*"Bundle"')


def holds_documents(path: Path, name: str) -> bool:
    """Whether a file is taken apart by this module: a ``.json`` file, or NDJSON that begins with a Bundle."""
    if name.removesuffix(".gz").endswith(".json"):
        return True
    first = _first_line(path)
    return b'"Bundle"' in first[:4096] and _type_of(_loads(first)) == "Bundle"


def count_records(path: Path, name: str) -> int:
    """Return the number of records in a file of documents."""
    if not _is_one_document(path, name):
        return sum(1 for _ in _records(path, name))
    outline = _outline(path)
    return outline.entries + (outline.bundle is None) if outline.is_bundle else 1


def document_reader(files: Sequence[LandedFile]) -> pa.RecordBatchReader:
    """Return the records of files of documents as a stream (schema ``RECORDS``)."""
    return pa.RecordBatchReader.from_batches(RECORDS, _batches(files))


def _batches(files: Sequence[LandedFile]) -> Iterator[pa.RecordBatch]:
    rows: list[dict[str, Any]] = []
    for file in files:
        for line, record in enumerate(_records(file.path, file.name), start=1):
            rows.append({"file_id": file.file_id, "feed": file.feed, "line": line, **record})
            if len(rows) == _BATCH:
                yield pa.RecordBatch.from_pylist(rows, schema=RECORDS)
                rows = []
    yield pa.RecordBatch.from_pylist(rows, schema=RECORDS)


def _records(path: Path, name: str) -> Iterator[_Record]:
    if not name.removesuffix(".gz").endswith(".json"):
        for line in _lines(path):
            yield from _document(line)
    elif _is_one_document(path, name):
        yield from _file(path)
    else:
        for element in ArrayElements(_blocks(path)):
            yield from _document(element)


def _is_one_document(path: Path, name: str) -> bool:
    begin = next((block.lstrip() for block in _blocks(path) if block.strip()), b"")
    return name.removesuffix(".gz").endswith(".json") and not begin.startswith(b"[")


def _file(path: Path) -> Iterator[_Record]:
    """Read one document: a Bundle entry by entry, twice, for an entry may point at a later one by its ``fullUrl``."""
    outline = _outline(path)
    if not outline.is_bundle:
        yield from _document(b"".join(_blocks(path)).strip())
        return
    for text in ArrayElements(_blocks(path), "entry"):
        yield _entry(text, _loads(text), _stated_at(outline.bundle or {}), outline.ids)
    if outline.bundle is None:
        text = outline.around
        yield {"text": text.decode("utf-8", "replace"), "resource_type": None, "fault": _fault(text)}


@dataclass(frozen=True)
class _Outline:
    """A document without its entries; ``bundle`` is None where it is no JSON, ``ids`` are what entries are called."""

    around: bytes
    bundle: Any
    entries: int
    ids: Mapping[str, str]

    @property
    def is_bundle(self) -> bool:
        """Whether it says that it is one, be it broken."""
        says_so = _LOOKS_LIKE_BUNDLE.search(self.around) is not None
        return says_so if self.bundle is None else _type_of(self.bundle) == "Bundle"


def _outline(path: Path) -> _Outline:
    elements, entries = ArrayElements(_blocks(path), "entry"), 0
    ids: dict[str, str] = {}
    for text in elements:
        entries += 1
        if b'"urn:' in text:
            ids |= _own_ids([_loads(text)])
    return _Outline(elements.around, _loads(elements.around), entries, ids)


def _document(text: bytes) -> Iterator[_Record]:
    """Read one document that is held in memory."""
    document = _loads(text)
    entries = document.get("entry", []) if _type_of(document) == "Bundle" else None
    if isinstance(entries, list):
        ids = dict(_own_ids(entries))
        for entry in entries:
            yield _entry(orjson.dumps(entry), entry, _stated_at(document), ids)
    elif text:
        yield {"text": text.decode("utf-8", "replace"), "resource_type": _type_of(document), "fault": _fault(text)}


def _stated_at(bundle: dict[str, Any]) -> str | None:
    meta = bundle.get("meta")
    stated: str | None = (meta.get("lastUpdated") if isinstance(meta, dict) else None) or bundle.get("timestamp")
    return stated


def _own_ids(entries: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """Yield what the ``urn:`` entries of a Bundle are called elsewhere: ``Patient/1``."""
    for entry in entries:
        url = entry.get("fullUrl") if isinstance(entry, dict) else None
        if isinstance(url, str) and url.startswith("urn:") and isinstance(entry.get("resource"), dict):
            yield url, f"{entry['resource'].get('resourceType')}/{entry['resource'].get('id') or url[9:]}"


def _entry(text: bytes, entry: Any, stated_at: str | None, ids: Mapping[str, str]) -> _Record:
    """Read one entry of a Bundle: a resource, a deletion, or what is neither."""
    known = entry if isinstance(entry, dict) else {}
    resource, request = known.get("resource"), known.get("request")
    if isinstance(resource, dict):
        fault = "key_repeated" if may_repeat_keys(text, entry) and repeated_keys(text) else None
        resource.setdefault("id", str(known.get("fullUrl", "")).removeprefix("urn:uuid:") or None)
        own = _REFERENCE.sub(lambda found: _resolved(found, ids), orjson.dumps(resource))
        return {"text": own.decode(), "resource_type": _type_of(resource), "fault": fault}
    if isinstance(request, dict) and request.get("method") == "DELETE":
        kind, _, key = str(request.get("url", "")).partition("/")
        deleted = {"resource_type": kind, "deleted_id": key, "stated_at": stated_at}
        return {"text": orjson.dumps(entry).decode(), **deleted}
    return {"text": text.decode("utf-8", "replace"), "resource_type": None, "fault": _fault(text)}


def _resolved(found: re.Match[bytes], ids: Mapping[str, str]) -> bytes:
    """Point a reference to a ``urn:`` entry of the same Bundle at the resource's own id."""
    target = ids.get(found.group(1).decode())
    return b'"reference":' + orjson.dumps(target) if target else found.group()


def _blocks(path: Path) -> Iterator[bytes]:
    for number, block in enumerate(byte_blocks(path)):
        yield block.removeprefix(b"\xef\xbb\xbf") if number == 0 else block


def _lines(path: Path) -> Iterator[bytes]:
    rest = b""
    for block in _blocks(path):
        *lines, rest = (rest + block).split(b"\n")
        yield from filter(None, map(bytes.strip, lines))
    if rest.strip():
        yield rest.strip()


def _first_line(path: Path) -> bytes:
    pieces = b""
    for block in byte_blocks(path):
        pieces = (pieces + block).lstrip(b"\xef\xbb\xbf\r\n ")
        if b"\n" in pieces:
            break
    return pieces.split(b"\n", 1)[0]


def _fault(text: bytes) -> str | None:
    try:
        text.decode()
    except UnicodeDecodeError:
        return "encoding"
    return None


def _loads(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _type_of(document: Any) -> str | None:
    kind = document.get("resourceType") if isinstance(document, dict) else None
    return kind if isinstance(kind, str) else None
