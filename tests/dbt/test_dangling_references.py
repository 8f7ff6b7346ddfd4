"""References to records that nobody delivered are told, and stop being told when the record comes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestration.lake import warehouse
from orchestration.pull.source import load_sources, pull
from orchestration.settings import SOURCE_DEFINITIONS, Settings
from tests.unit.fhir_deliveries import DROPPED, encounter

pytestmark = pytest.mark.dbt


def findings_after(settings: Settings, name: str, *records: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Deliver records, build, and return the findings."""
    folder = settings.delivery_root / "ehr"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join(map(json.dumps, records)))
    for source in load_sources(SOURCE_DEFINITIONS):
        pull(source, settings)
    warehouse.build(settings, select="+stg_lake__rejects")
    with warehouse.reading(settings.warehouse) as con:
        return con.execute(
            "select file_name, line, rule, element, severity from staging.stg_lake__rejects order by all"
        ).fetchall()


def test_a_dangling_reference_is_told_until_its_record_comes(settings: Settings) -> None:
    known = encounter(5, serviceProvider=DROPPED)  # of patient p0
    missing = encounter(6, serviceProvider=DROPPED)  # of patient p1
    patients = [{"resourceType": "Patient", "id": f"p{number}"} for number in (0, 1)]
    (settings.delivery_root / "ehr").mkdir()
    (settings.delivery_root / "ehr" / "Patient.0.ndjson").write_text(json.dumps(patients[0]))
    told = ("Encounter.ndjson", 2, "reference_dangling", "Encounter.subject", "warn")
    assert findings_after(settings, "Encounter.ndjson", known, missing) == [told]
    assert findings_after(settings, "Patient.1.ndjson", patients[1]) == []
