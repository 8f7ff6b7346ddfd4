"""FHIR documents that hold many records: Bundles (collection, searchset, transaction, deletions) and JSON arrays.

Belongs here: taking them apart into numbered records. Does not belong: judging and flattening (``fhir_files``).
A file of documents is numbered by record, not by line, because one line may hold many.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from orchestration.lake.landing import LandedFile
from orchestration.pull.lines import byte_blocks

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

_BATCH = 5_000


def holds_documents(path: Path, name: str) -> bool:
    """Whether a file is taken apart by this module: a ``.json`` file, or NDJSON that begins with a Bundle."""
    if name.removesuffix(".gz").endswith(".json"):
        return True
    first = _first_line(path)
    return b'"Bundle"' in first[:4096] and _type_of(_loads(first)) == "Bundle"


def count_records(path: Path, name: str) -> int:
    """Return the number of records in a file of documents."""
    return sum(1 if _type_of(d) != "Bundle" else len(d.get("entry", [])) for _, d in _documents(path, name))


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


def _records(path: Path, name: str) -> Iterator[dict[str, Any]]:
    for text, document in _documents(path, name):
        if _type_of(document) == "Bundle":
            yield from _entries(document)
        else:
            yield {"text": text.decode("utf-8", "replace"), "resource_type": _type_of(document), "fault": _fault(text)}


def _entries(bundle: dict[str, Any]) -> Iterator[dict[str, Any]]:
    entries = [entry if isinstance(entry, dict) else {} for entry in bundle.get("entry", [])]
    stated_at = (bundle.get("meta") or {}).get("lastUpdated") or bundle.get("timestamp")
    ids = {entry["fullUrl"]: entry["resource"] for entry in entries if "fullUrl" in entry and "resource" in entry}
    for entry in entries:
        request = entry.get("request") or {}
        if "resource" in entry:
            resource = entry["resource"]
            resource.setdefault("id", str(entry.get("fullUrl", "")).removeprefix("urn:uuid:") or None)
            _resolve(resource, ids)
            yield {"text": orjson.dumps(resource).decode(), "resource_type": _type_of(resource)}
        elif request.get("method") == "DELETE":
            kind, _, key = str(request.get("url", "")).partition("/")
            yield {
                "text": orjson.dumps(entry).decode(),
                "resource_type": kind,
                "deleted_id": key,
                "stated_at": stated_at,
            }
        else:
            yield {"text": orjson.dumps(entry).decode(), "resource_type": None}


def _resolve(node: Any, ids: dict[str, Any]) -> None:
    """Point references to ``urn:uuid:`` entries of the same Bundle at the resources' own ids."""
    if isinstance(node, list):
        for item in node:
            _resolve(item, ids)
    elif isinstance(node, dict):
        target = ids.get(str(node.get("reference")))
        if isinstance(target, dict) and str(node["reference"]).startswith("urn:"):
            node["reference"] = f"{target.get('resourceType')}/{target.get('id') or node['reference'][9:]}"
        for item in node.values():
            _resolve(item, ids)


def _documents(path: Path, name: str) -> Iterator[tuple[bytes, Any]]:
    """Yield (text, parsed) of each document; parsed is None where it is no JSON."""
    data = b"".join(byte_blocks(path)).removeprefix(b"\xef\xbb\xbf")
    if name.removesuffix(".gz").endswith(".json"):
        whole = _loads(data)
        texts = [orjson.dumps(item) for item in whole] if isinstance(whole, list) else [data]
    else:
        texts = data.split(b"\n")
    for text in texts:
        if text.strip():
            yield text.strip(), _loads(text)


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
