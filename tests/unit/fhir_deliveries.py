"""FHIR files for tests: an encounter to change, and what the reader makes of files.

Belongs here: making and reading deliveries. Does not belong: any expectation.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb

from orchestration.lake.landing import LandedFile
from orchestration.lake.raw import RawBatch
from orchestration.pull.fhir_files import FhirFiles

Rows = list[tuple[Any, ...]]


def encounter(number: int = 99, **changes: Any) -> dict[str, Any]:
    record = {
        "resourceType": "Encounter",
        "id": f"e{number}",
        "meta": {"lastUpdated": "2011-02-03T00:00:00Z"},
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "type": [{"coding": [{"system": "http://snomed.info/sct", "code": "185345009"}], "text": "x"}],
        "subject": {"reference": f"Patient/p{number % 5}"},
        "period": {"start": "2011-02-02T16:30:49-05:00", "end": "2011-02-02T16:45:49-05:00"},
        "length": {"value": 15, "unit": "min"},
        "serviceProvider": {"reference": "Organization/o1", "display": "HOSP"},
    }
    record.update(changes)
    return {key: value for key, value in record.items() if value is not DROPPED}


DROPPED = object()
FINE = json.dumps(encounter(1)).encode()
BAD = json.dumps(encounter()).encode()


class Parsed:
    """Files read by the reader: their records, rejects and tables."""

    def __init__(self, folder: Path, reader: FhirFiles | None = None) -> None:
        self.folder, self.reader, self.files = folder, reader or FhirFiles(), list[LandedFile]()

    def add(self, name: str, content: bytes, feed: str = "ehr") -> Parsed:
        """Land a file."""
        path = self.folder / "landing" / feed / str(len(self.files)) / Path(name).name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        delivered = self.reader.count(path)
        file_id = f"f{len(self.files)}"
        self.files.append(LandedFile("ehr", feed, name, path, file_id, "", len(content), delivered, None))
        return self

    def read(self) -> Parsed:
        """Parse what landed; every record counted must be accounted for."""
        self.batch = RawBatch(self.folder / "raw", "batch")
        self.reader.parse(self.files, self.batch)
        assert len(self.rows("select * from records")) == sum(file.records_delivered for file in self.files)
        return self

    def rows(self, query: str) -> Rows:
        """Ask the raw tables."""
        with duckdb.connect() as con:
            con.execute("set timezone = 'UTC'")
            for path in self.batch.scratch.glob("*.parquet"):
                con.execute(f"create view {path.stem} as from read_parquet('{path}')")
            return con.execute(query).fetchall()


def line(**changes: Any) -> bytes:
    return json.dumps(encounter(**changes)).encode()
