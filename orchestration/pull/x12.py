"""The reader of X12 835, 837P, 837I and 837D files, 5010 and 4010.

Belongs here: the declaration of such files, counting and parsing them into raw tables in constant memory.
Does not belong: what is in a block (``x12_parse`` and the modules it calls).
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import BinaryIO, Literal, cast
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from orchestration.declaration import ZoneName
from orchestration.lake.landing import LandedFile
from orchestration.lake.raw import RawBatch, TableWriter, constant
from orchestration.lake.schemas import RECORDS, REJECTS
from orchestration.pull.x12_count import count_records
from orchestration.pull.x12_parse import FileParser
from orchestration.pull.x12_schemas import TABLES
from orchestration.pull.x12_stream import BLOCK_BYTES, blocks

_VERSION = "2"  # change when the same bytes give other rows


class X12(BaseModel):
    """X12 claims (837) and payments (835) as files.

    A delivered record is one CLM or one CLP; a transaction without either, and text without an ISA, is one as well.
    ``time_zone`` is where the senders' clocks stand: X12 times carry no zone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["x12"]
    time_zone: ZoneName
    paths: tuple[str, ...] = ("*.835", "*.837", "*.837[ipd]", "*.x12", "*.edi")
    block_bytes: int = BLOCK_BYTES

    @property
    def signature(self) -> str:
        """Changes when the same bytes would give other rows."""
        return f"x12 {_VERSION} {self.time_zone}"

    @property
    def tables(self) -> Mapping[str, pa.Schema]:
        """The raw tables of claims and payments."""
        return TABLES

    def accepts(self, name: str) -> bool:
        """Whether the file's name says X12, plain or ``.gz``."""
        plain = name.lower().removesuffix(".gz")
        return any(fnmatch(plain, pattern) for pattern in self.paths)

    def count(self, path: Path) -> int:
        """Records in the file."""
        with _open(path) as stream:
            return count_records(stream)

    def parse(self, files: Sequence[LandedFile], out: RawBatch) -> None:
        """Write the raw tables of ``files``; a file whose payment does not balance is held whole."""
        writers = {name: TableWriter(out.path(name), schema) for name, schema in {**TABLES, **_ACCOUNT}.items()}
        held: dict[str, str] = {}
        for file in files:
            parser = FileParser(ZoneInfo(self.time_zone))
            with _open(file.path) as stream:
                for block in blocks(stream, self.block_bytes):
                    for name, rows in parser.parse(block).items():
                        writers[name].add(_of_file(rows, file))
            if parser.held:
                held[file.file_id] = "; ".join(parser.held[:3])
        for writer in writers.values():
            writer.close()
        if held:
            _hold(out, held)


_ACCOUNT = {"records": RECORDS, "rejects": REJECTS}


def _of_file(rows: pa.Table, file: LandedFile) -> pa.Table:
    for name, value in (("file_id", file.file_id), ("feed", file.feed)):
        rows = rows.append_column(name, constant(value, rows.num_rows))
    return rows


def _hold(out: RawBatch, held: Mapping[str, str]) -> None:
    """Reject every record of the held files, which is only known when a payment's last claim has been read."""
    ids = pa.array(list(held))
    details = pa.array(list(held.values()))
    records, rejects = out.path("records"), out.path("rejects")
    scratch = records.with_suffix(".held"), rejects.with_suffix(".held")
    with (
        pq.ParquetWriter(scratch[0], RECORDS, compression="zstd") as all_records,
        pq.ParquetWriter(scratch[1], REJECTS, compression="zstd") as all_rejects,
    ):
        for path, writer in ((rejects, all_rejects),):
            for batch in pq.ParquetFile(path).iter_batches() if path.exists() else ():
                writer.write_batch(batch)
        for batch in pq.ParquetFile(records).iter_batches():
            rows = pa.Table.from_batches([batch])
            at = pc.index_in(rows["file_id"], ids)
            is_held = at.is_valid()
            state = pc.if_else(is_held, "rejected", rows["parse_state"])
            all_records.write_table(rows.set_column(rows.schema.get_field_index("parse_state"), "parse_state", state))
            mine = rows.filter(is_held)
            all_rejects.write_table(
                pa.table(
                    {
                        **{name: mine[name] for name in ("file_id", "line", "table_name")},
                        "rule": pa.repeat("unbalanced_file", mine.num_rows),
                        "element": pa.repeat("BPR02", mine.num_rows),
                        "severity": pa.repeat("reject", mine.num_rows),
                        "detail": details.take(at.filter(is_held).combine_chunks()),
                    },
                    schema=REJECTS,
                )
            )
    scratch[0].replace(records)
    scratch[1].replace(rejects)


def _open(path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path, "rb")) if path.suffix.lower() == ".gz" else path.open("rb")
