"""Small hospitals written by hand: the upstream tables of the journey models, filled from Python rows.

Belongs here: making a warehouse that holds only what a journey test says, and running the journey models on it. Does
not belong: any expectation (the tests state them).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb

from orchestration.settings import DBT_PROJECT

Row = Mapping[str, Any]

# Upstream relations that the journey models read: schema.table -> columns with types.
UPSTREAM: dict[str, str] = {
    "staging.night": "as_of timestamp, as_of_date date",
    "staging.stg_portal__visitors": "anonymous_id varchar, user_id varchar",
    "staging.stg_portal__events": (
        "message_id varchar, statement_id varchar, communication_id varchar, result_id varchar"
    ),
    "staging.stg_ehr__observations": "observation_id varchar, encounter_id varchar",
    "staging.stg_ehr__encounters": (
        "encounter_id varchar, patient_id varchar, status varchar, class_code varchar, started_at timestamp, "
        "ended_at timestamp, practitioner_id varchar, department_id varchar, location_id varchar, "
        "appointment_id varchar, reason_code varchar"
    ),
    "staging.stg_ehr__appointments": (
        "appointment_id varchar, practitioner_id varchar, department_id varchar, location_id varchar"
    ),
    "staging.stg_ehr__conditions": "encounter_id varchar, code varchar",
    "staging.stg_call_center__contacts": (
        "contact_id varchar, initial_contact_id varchar, reason varchar, initiated_at timestamp, "
        "disconnected_at timestamp"
    ),
    "staging.stg_billing__remits": (
        "remit_id varchar, patient_control_number varchar, patient_responsibility_amount decimal(18, 2), "
        "is_denied boolean, is_reversal boolean, adjudicated_on date, recorded_at timestamp"
    ),
    "staging.stg_billing__statements": "statement_id varchar, patient_control_number varchar",
    "staging.stg_billing__payments": (
        "payment_id varchar, statement_id varchar, patient_control_number varchar, amount decimal(18, 2), "
        "paid_at timestamp"
    ),
    "staging.stg_surveys__answers": (
        "response_id varchar, metric varchar, score double, scale_min double, scale_max double, scale_direction varchar"
    ),
    "marts.dim_department": (
        "department_id varchar, department_name varchar, facility_id varchar, facility_name varchar, "
        "sub_sector varchar, service_line varchar"
    ),
    "marts.dim_person": "person_id bigint, generation varchar, deceased_on date",
}
TOUCHPOINTS = {
    "source_system": "varchar", "source_table": "varchar", "source_record_id": "varchar", "identity_id": "varchar",
    "anonymous_id": "varchar", "ts": "timestamp", "ts_end": "timestamp", "event_seq": "integer",
    "activity": "varchar", "stage": "varchar", "channel": "varchar", "initiator": "varchar",
    "department_id": "varchar", "encounter_id": "varchar", "appointment_id": "varchar", "call_id": "varchar",
    "thread_id": "varchar", "claim_id": "varchar", "survey_id": "varchar", "referral_id": "varchar",
    "prescription_id": "varchar", "planned_ts": "timestamp", "wait_seconds": "bigint", "outcome": "varchar",
    "is_failed": "boolean",
}  # fmt: skip
SEEDS = ("journey_plans", "acceptable_waits")
SOURCES = ("ehr", "portal", "call_center", "billing", "surveys")


@dataclass
class Story:
    """Rows of the upstream tables; identities `p1`, `p2`, ... are the persons 1, 2, ...; others are unknown."""

    as_of: str = "2026-01-01"
    tables: dict[str, list[Row]] = field(default_factory=dict)
    touchpoints: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, table: str, **row: Any) -> Story:
        """Add one row to an upstream table (name without its schema)."""
        self.tables.setdefault(table, []).append(row)
        return self

    def tell(self, activity: str, ts: str, source: str = "ehr", who: str = "p1", **columns: Any) -> Story:
        """Add one touchpoint; its record id is made from its place unless given."""
        rows = self.touchpoints.setdefault(source, [])
        defaults = {
            "source_system": source,
            "source_table": "record",
            "source_record_id": f"{source}-{len(rows)}",
            "identity_id": who,
        }
        rows.append({**defaults, "activity": activity, "ts": ts, **columns})
        return self


def _fill(connection: duckdb.DuckDBPyConnection, table: str, columns: str, rows: Sequence[Row]) -> None:
    connection.execute(f"create schema if not exists {table.split('.', maxsplit=1)[0]}")
    connection.execute(f"create or replace table {table} ({columns})")
    for names, group in groupby(rows, key=tuple):
        marks = ", ".join("?" for _ in names)
        values = [list(row.values()) for row in group]
        connection.executemany(f"insert into {table} ({', '.join(names)}) values ({marks})", values)


def write_warehouse(story: Story, home: Path) -> None:
    """Write the story as the warehouse and the exchange that the journey models find."""
    (home / "exchange").mkdir(parents=True, exist_ok=True)
    persons = {row["identity_id"] for rows in story.touchpoints.values() for row in rows}
    persons = {identity for identity in persons if identity and identity[:1] == "p" and identity[1:].isdigit()}
    story.tables.setdefault("night", [{"as_of": story.as_of, "as_of_date": story.as_of[:10]}])
    known = {row["person_id"] for row in story.tables.get("dim_person", [])}
    for identity in sorted(persons, key=lambda text: int(text[1:])):
        if int(identity[1:]) not in known:
            story.add("dim_person", person_id=int(identity[1:]), generation="Gen X")
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        for table, columns in UPSTREAM.items():
            _fill(connection, table, columns, story.tables.get(table.split(".")[1], []))
        columns = ", ".join(f"{name} {kind}" for name, kind in TOUCHPOINTS.items())
        for source in SOURCES:
            _fill(connection, f"staging.stg_{source}__touchpoints", columns, story.touchpoints.get(source, []))
        crosswalk = " union all ".join(
            f"select '{source}' as source_system, '{identity}' as source_record_id, {identity[1:]}::bigint as person_id"
            for source in SOURCES
            for identity in sorted(persons)
        )
        empty = "select ''::varchar as source_system, '' as source_record_id, 0::bigint as person_id where false"
        target = home / "exchange" / "person_crosswalk.parquet"
        connection.execute(
            f"copy (select *, 0.99::double as match_confidence from ({crosswalk or empty})) to '{target}'"
        )


def run_models(home: Path, *selectors: str, data_tests: bool) -> None:
    """Build models in a process of its own (dbt keeps its connection open in the one it runs in)."""
    environment = {
        **os.environ,
        "JOURNEYS_HOME": str(home),
        "DBT_TARGET_PATH": str(home / "target"),
        "DBT_LOG_PATH": str(home / "logs"),
        "DO_NOT_TRACK": "1",
    }
    code = (
        "import sys; from dbt.cli.main import dbtRunner; "
        "result = dbtRunner().invoke(sys.argv[1:]); sys.exit(0 if result.success else 1)"
    )
    arguments = ["build", "--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT), "--select", *selectors]
    arguments += ["--exclude-resource-type", "unit_test", *([] if data_tests else ["test"])]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@contextmanager
def journeys_of(story: Story, folder: Path, data_tests: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """Build the journey models over the story; yields a read-only connection to a warehouse of its own.

    All stories of a test session are built in one home, so that dbt parses the project once.
    """
    home = folder.parent / "journey_stories"
    home.mkdir(exist_ok=True)
    (home / "warehouse.duckdb").unlink(missing_ok=True)
    write_warehouse(story, home)
    run_models(home, "path:models/journey", "path:models/marts/journeys", *SEEDS, data_tests=data_tests)
    warehouse = shutil.copy(home / "warehouse.duckdb", folder)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        yield connection
