"""Genesys Cloud conversation details from files: one conversation a line, or the query API's pages as JSON.

Belongs here: the files, and contacts as the raw table that contact records of every vendor share.
Does not belong: the conversation model (``genesys_legs``); abandons, callbacks and transfers (staging).
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import orjson
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from orchestration.lake.landing import LandedFile
from orchestration.lake.raw import RawBatch
from orchestration.lake.schemas import RECORDS, REJECTS
from orchestration.pull import contact_records, genesys_legs, lines
from orchestration.pull.contact_records import ATTRIBUTES, AmazonConnect
from orchestration.pull.genesys_legs import Contact, UnreadableError, legs_of, objects, text
from orchestration.pull.paths import path_matches, signature_of

TABLE = "contact"
_ROWS_A_PART = 5_000


class _Growing:
    """A table that grows row by row; rows become Arrow by the thousand, which takes a tenth of their memory."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema, self._rows = schema, list[Contact]()
        self._parts = [schema.empty_table()]

    def add(self, *rows: Contact) -> None:
        self._rows += rows
        if len(self._rows) >= _ROWS_A_PART:
            self._settle()

    def whole(self) -> pa.Table:
        self._settle()
        return pa.concat_tables(self._parts)

    def _settle(self) -> None:
        self._parts.append(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows = []


class Genesys(BaseModel):
    """Reader of conversation details. ``mrn`` must be a participant attribute that is set after verification only."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["genesys"]
    path: str = Field(default="**", description="Glob over the delivered path below the feed's folder.")
    ehr_id_space: str = Field(default="ehr", description="Where the department and appointment ids come from.")
    attributes: dict[str, str] = Field(default={}, description="Raw column to this site's participant attribute.")
    queues: dict[str, str] = Field(default={}, description="Names of queues by id; details hold ids only.")
    resolved_codes: list[str] = Field(default=[], description="Wrap-up codes that say the matter is resolved.")

    @property
    def signature(self) -> str:
        """Changes with the declaration and with the code that reads by it."""
        return signature_of(self.model_dump_json(), sys.modules[__name__], genesys_legs, contact_records, lines)

    @property
    def tables(self) -> dict[str, pa.Schema]:
        """`contact`, as Amazon Connect's contact records have it."""
        return AmazonConnect(kind="amazon_connect").tables

    def accepts(self, name: str) -> bool:
        """Whether the delivered path matches."""
        return path_matches(name, self.path)

    def count(self, path: Path) -> int:
        """Conversations of a file: lines, or what its pages hold."""
        if not _is_page(path.name):
            return lines.count_lines(path)
        found = _conversations(b"".join(lines.byte_blocks(path)))
        return 1 if found is None else len(found)

    def parse(self, files: Sequence[LandedFile], out: RawBatch) -> None:
        """Write `contact`, `records` and `rejects`."""
        tables = {
            name: _Growing(schema) for name, schema in {**self.tables, "records": RECORDS, "rejects": REJECTS}.items()
        }
        for file in files:
            for line, said, fault in _texts(file):
                where = {"file_id": file.file_id, "line": line}
                record = {**where, "feed": file.feed, "table_name": TABLE, "op": "upsert", "parse_state": "parsed"}
                record["record_hash"] = hashlib.sha256(said).hexdigest()[:16]
                try:
                    conversation = _object(said, fault)
                    record["record_id"] = text(conversation.get("conversationId"))
                    legs = [leg | {**where, "feed": file.feed} for leg in self._contacts(conversation)]
                    record["version_at"] = legs[0]["last_updated_at"]
                    tables[TABLE].add(*legs)
                except UnreadableError as unread:
                    record["parse_state"] = "rejected"
                    tables["rejects"].add(
                        {**where, "table_name": TABLE, "rule": unread.rule, "element": unread.element or None}
                        | {"severity": "reject"}
                    )
                tables["records"].add(record)
        for name, table in tables.items():
            out.write(name, table.whole())

    def _contacts(self, conversation: Mapping[str, Any]) -> list[Contact]:
        said: dict[str, Any] = {}
        for participant in objects(conversation, "participants"):
            said |= participant.get("attributes") or {}
        attributes = {name: text(said.get(self.attributes.get(name, name))) for name in ATTRIBUTES}
        return [self._contact(leg, attributes) for leg in legs_of(conversation)]

    def _contact(self, leg: Contact, attributes: Contact) -> Contact:
        code = leg.pop("wrap_up_code", None)
        resolved = "true" if code in self.resolved_codes else attributes["resolved"]
        queue = leg.get("queue_name")
        return {
            **attributes,
            **leg,
            "resolved": resolved,
            "queue_name": self.queues.get(queue, queue) if queue else None,
            "ehr_id_space": self.ehr_id_space,
        }


def _is_page(name: str) -> bool:
    return name.removesuffix(".gz").endswith(".json")


def _texts(file: LandedFile) -> Iterator[tuple[int, bytes, str | None]]:
    """Yield each conversation with its line, or its place among those of a page, and what keeps it from being text."""
    if not _is_page(file.path.name):
        for batch in lines.line_reader([file]):
            for line, told, fault in zip(*(batch[name].to_pylist() for name in ("line", "text", "fault")), strict=True):
                yield line, told.encode(), fault
        return
    content = b"".join(lines.byte_blocks(file.path))
    found = _conversations(content)
    for number, said in enumerate([content] if found is None else map(orjson.dumps, found), start=1):
        yield number, said, None


def _conversations(content: bytes) -> list[Any] | None:
    """Return the conversations of a page of the query API, a plain array or one conversation; None where it is none."""
    try:
        page = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    found = page.get("conversations", page) if isinstance(page, dict) else page
    return found if isinstance(found, list) else [found]


def _object(said: bytes, fault: str | None) -> dict[str, Any]:
    if fault:
        raise UnreadableError(fault, "")
    try:
        found = orjson.loads(said)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise UnreadableError("json_invalid", "")
    return found
