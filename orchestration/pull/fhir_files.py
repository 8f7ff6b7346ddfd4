"""FHIR R4 files: NDJSON (plain, .gz, by type or mixed), Bundles and JSON arrays → raw tables, by SQL.

Belongs here: which files hold what, and bringing their records to the program of their type. Does not belong: columns
(``fhir_views``), rules (``fhir_rules``), taking Bundles apart (``fhir_bundles``).
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import duckdb
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from orchestration.declaration import ZoneName
from orchestration.lake import raw
from orchestration.lake.duck import connect, quote
from orchestration.lake.landing import LandedFile
from orchestration.lake.raw import RawBatch
from orchestration.pull import fhir_bundles
from orchestration.pull.fhir_gate import gated
from orchestration.pull.fhir_tables import (
    VIEWS,
    ResourceTables,
    copy,
    known_type,
    prepare,
    table_name,
    table_schema,
    views,
)
from orchestration.pull.lines import count_lines, line_reader
from orchestration.settings import get_settings

log = logging.getLogger(__name__)

#: Lines of mixed files with their own word on what they are; deletions come only in Bundles.
_SORT_LINES = """
    create or replace table sorted_out as
    select
        *, try(json_extract_string(case when fault is null then text end, '$.resourceType')) as resource_type,
        null::varchar as deleted_id, null::varchar as stated_at
    from delivered
"""

#: Records that a file holds twice as the same version but with other content: one of them is wrong.
_FIND_CONFLICTS = """
    insert into rejects by name
    select file_id, line, table_name, 'id_conflict' as rule, 'id' as element, 'warn' as severity, null as detail
    from records
    where op = 'upsert' and (file_id, record_id, version_at) in (
        select (file_id, record_id, version_at) from records where op = 'upsert' and record_id is not null
        group by file_id, record_id, version_at having min(record_hash) <> max(record_hash)
    )
"""

_NAMES = (".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz", ".json", ".json.gz")

#: Enough for any batch: what does not fit is spilled beside the batch.
MEMORY_LIMIT = "400MB"

#: Raw is rebuilt from landing when this changes: what the same bytes give depends on these programs.
_CODE = (
    "fhir_bundles.py", "fhir_files.py", "fhir_gate.py", "fhir_releases.py", "fhir_rules.py", "fhir_schema.py",
    "fhir_tables.py", "json_stream.py", "lines.py",
)  # fmt: skip


class FhirFiles(BaseModel):
    """The reader of FHIR files.

    ``shares_ids_with`` maps a feed to the feed whose server its ids come from: FHIR ids are unique in a server only.
    ``severities`` maps a rule to ``reject`` or ``warn`` where that differs from the default. ``judge_structure``: every
    record passes the JSON Schema of its type, too, also what no view reads. ``time_zone`` is where dates without a time
    are meant: they begin at midnight there (unset: where the organisation is).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["fhir"] = "fhir"
    shares_ids_with: dict[str, str] = {}
    severities: dict[str, Literal["reject", "warn"]] = {}
    judge_structure: bool = True
    time_zone: ZoneName = Field(default_factory=lambda: get_settings().time_zone)

    @cached_property
    def signature(self) -> str:
        """Changes with the declaration, the views, the programs and the engine's hash function."""
        digest = hashlib.sha256(f"{self.model_dump_json()} {duckdb.__version__}".encode())
        folder = Path(__file__).parent
        for path in (*sorted(VIEWS.glob("*.*")), *(folder / name for name in _CODE)):
            digest.update(path.read_bytes())
        return digest.hexdigest()

    @property
    def tables(self) -> Mapping[str, pa.Schema]:
        """One raw table a view."""
        return {name: table_schema(view) for name, view in views().items()}

    def accepts(self, name: str) -> bool:
        """NDJSON and JSON files, packed or not."""
        return name.endswith(_NAMES)

    def count(self, path: Path) -> int:
        """Lines that are not blank; in files of Bundles or arrays their entries."""
        if fhir_bundles.holds_documents(path, path.name):
            return fhir_bundles.count_records(path, path.name)
        return count_lines(path)

    def parse(self, files: Sequence[LandedFile], out: RawBatch) -> None:
        """Write every view's table, `records` and `rejects`; each resource type is one program over its lines."""
        by_type: dict[str, list[LandedFile]] = {}
        documents, mixed = [], []
        for file in files:
            if fhir_bundles.holds_documents(file.path, file.path.name):
                documents.append(file)
            elif resource_type := type_of_file(file.name):
                by_type.setdefault(resource_type, []).append(file)
            else:
                mixed.append(file)
        parts: list[RawBatch] = []
        # A second thread costs a third more CPU and saves no time: the schema judges records in one thread anyway.
        with connect(spill=out.scratch / "spill", memory_limit=MEMORY_LIMIT, threads=1) as con:
            prepare(con)
            con.execute(f"set TimeZone = {quote(self.time_zone)}")
            for resource_type, named in by_type.items():
                self._write(con, resource_type, line_reader(named), out, parts)
            if mixed:
                con.register("delivered", line_reader(mixed))
                con.execute(_SORT_LINES)
                self._write_mixed(con, out, parts)
            if documents:
                con.register("delivered", fhir_bundles.document_reader(documents))
                con.execute("create or replace table sorted_out as from delivered")
                self._write_mixed(con, out, parts)
            con.execute(_FIND_CONFLICTS)
            _tell_releases(con, {file.file_id: file.feed for file in files})
            copy(con, out, "records", "from records")
            copy(con, out, "rejects", "from rejects")
        raw.merge(parts, out)

    def _write(
        self,
        con: duckdb.DuckDBPyConnection,
        resource_type: str | None,
        lines: pa.RecordBatchReader,
        out: RawBatch,
        parts: list[RawBatch],
    ) -> None:
        parts.append(RawBatch(out.source_folder, f"{out.batch_id}-{len(parts)}"))
        con.register("delivered", gated(lines, resource_type if self.judge_structure else None))
        ResourceTables(resource_type).write(con, "delivered", self._id_space, self.severities, parts[-1])

    def _write_mixed(self, con: duckdb.DuckDBPyConnection, out: RawBatch, parts: list[RawBatch]) -> None:
        """Treat each type among the records of `sorted_out` as if it had been delivered by itself."""
        names = [name for (name,) in con.execute("select distinct resource_type from sorted_out").fetchall()]
        known = sorted(name for name in names if known_type(name))
        for resource_type in known:
            chosen = f"deleted_id is null and resource_type = {quote(resource_type)}"
            self._write(con, resource_type, _sorted_lines(con, chosen), out, parts)
            self._note_deletions(con, resource_type)
        if len(known) < len(names):
            listed = ", ".join(quote(name) for name in ("", *known))
            others = f"coalesce(resource_type, '') = '' or resource_type not in ({listed})"
            self._write(con, None, _sorted_lines(con, others), out, parts)
        con.execute("drop table sorted_out")

    def _note_deletions(self, con: duckdb.DuckDBPyConnection, resource_type: str) -> None:
        con.execute(
            f"""insert into records by name
            select file_id, line, feed, {quote(table_name(resource_type))} as table_name,
                {self._id_space} || {quote(f"/{resource_type}/")} || deleted_id as record_id,
                cast(hash(text) as varchar) as record_hash, fhir_time(stated_at) as version_at, 'delete' as op,
                'parsed' as parse_state
            from sorted_out where deleted_id is not null and resource_type = {quote(resource_type)}"""
        )

    @property
    def _id_space(self) -> str:
        cases = "".join(f" when {quote(feed)} then {quote(owner)}" for feed, owner in self.shares_ids_with.items())
        return f"case feed{cases} else feed end" if cases else "feed"


def _tell_releases(con: duckdb.DuckDBPyConnection, feeds: Mapping[str, str]) -> None:
    """Say in clear words which feeds are written in another release of FHIR: their rejects are no single slips."""
    counted = con.execute(
        """select file_id, detail, count(distinct line) from rejects
        where rule = 'fhir_version' group by file_id, detail order by all"""
    ).fetchall()
    totals: Counter[tuple[str, str]] = Counter()
    for file_id, detail, lines in counted:
        totals[feeds[file_id], detail] += lines
    for (feed, detail), lines in totals.items():
        told = f"{lines} record{'s' if lines > 1 else ''} with {detail}"
        log.warning("%s: %s; R4 and R4B are read (severities: {fhir_version: warn} tries the others)", feed, told)


def _sorted_lines(con: duckdb.DuckDBPyConnection, condition: str) -> pa.RecordBatchReader:
    """Stream records of `sorted_out` beside the connection that will judge them."""
    chosen = con.cursor().sql(f"select file_id, feed, line, text, fault from sorted_out where {condition}")
    return chosen.to_arrow_reader(5_000)


def type_of_file(name: str) -> str | None:
    """The resource type that a file's name promises (``Observation.000.ndjson``), None for mixed files."""
    found = re.match(r"([A-Z][A-Za-z]+)(?=[^A-Za-z])", Path(name).name)
    return known_type(found[1]) if found else None
