"""Staging tables written by hand: what the measure models read, filled from Python rows.

Belongs here: making a warehouse that holds only what a measure test says, and running the measure models on it. Does
not belong: any expectation (the tests state them).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from orchestration.settings import DBT_PROJECT

# Upstream relations of the measure models: schema.table -> columns, text unless `name:type`.
UPSTREAM: dict[str, str] = {
    "staging.night": "as_of:timestamp as_of_date:date",
    "staging.stg_ehr__encounters": (
        "encounter_id patient_id status class_code type_system type_code started_at:timestamp ended_at:timestamp "
        "practitioner_id department_id location_id appointment_id referral_id admit_source_code "
        "discharge_disposition_code priority_code recorded_at:timestamp"
    ),
    "staging.stg_ehr__encounter_statuses": "encounter_id status started_at:timestamp ended_at:timestamp",
    "staging.stg_ehr__encounter_locations": (
        "encounter_id location_id status started_at:timestamp ended_at:timestamp physical_type_code location_type_code"
    ),
    "staging.stg_ehr__appointments": (
        "appointment_id patient_id practitioner_id location_id department_id status cancelation_reason_code "
        "service_type_code requested_at:timestamp created_at:timestamp start_at:timestamp end_at:timestamp "
        "referral_id slot_id recorded_at:timestamp"
    ),
    "staging.stg_ehr__schedules": "schedule_id practitioner_id location_id department_id",
    "staging.stg_ehr__slots": (
        "slot_id schedule_id service_type_code status start_at:timestamp end_at:timestamp recorded_at:timestamp"
    ),
    "staging.stg_ehr__conditions": (
        "condition_id patient_id encounter_id code_system code clinical_status verification_status onset_at:timestamp "
        "recorded_on:date recorded_at:timestamp"
    ),
    "staging.stg_ehr__procedures": (
        "procedure_id patient_id encounter_id status code_system code performed_start_at:timestamp "
        "performed_end_at:timestamp"
    ),
    "staging.stg_ehr__medication_requests": (
        "medication_request_id patient_id status intent medication_code authored_at:timestamp starts_at:timestamp "
        "total_days_supply:double"
    ),
    "staging.stg_ehr__medication_dispenses": (
        "medication_dispense_id patient_id status medication_code prepared_at:timestamp handed_over_at:timestamp "
        "days_supply:double"
    ),
    "staging.stg_ehr__pharmacy_claims": (
        "explanation_of_benefit_id patient_id status medication_code filled_on:date days_supply:double"
    ),
    "staging.stg_ehr__coverages": "coverage_id patient_id payer_name status started_on:date ended_on:date",
    "staging.stg_ehr__organizations": "organization_id name type_code sub_sector part_of_id",
    "staging.stg_call_center__contacts": (
        "contact_id initial_contact_id previous_contact_id next_contact_id channel initiation_method "
        "initiated_at:timestamp queued_at:timestamp disconnected_at:timestamp queue_name agent_id "
        "queue_wait_seconds:integer talk_seconds:integer hold_seconds:integer after_call_work_seconds:integer reason "
        "is_resolved:boolean department_id is_answered:boolean is_abandoned:boolean is_transfer:boolean "
        "is_callback:boolean"
    ),
    "staging.stg_surveys__invitations": (
        "invitation_id survey_id encounter_id contact_id department_id sent_at:timestamp channel status"
    ),
    "staging.stg_surveys__responses": (
        "response_id survey_id invitation_id patient_id encounter_id contact_id department_id "
        "recorded_at_utc:timestamp channel language is_finished:boolean"
    ),
    "staging.stg_surveys__answers": (
        "response_id question_id metric score:double raw_value scale_min:double scale_max:double scale_direction "
        "instrument instrument_version item composite"
    ),
    "staging.stg_surveys__reviews": "review_id site department_id rating:bigint posted_at:timestamp",
    "staging.stg_surveys__attribute_scores": (
        "wave fielded_on:date brand generation sub_sector attribute respondents:bigint score:double scale_min:double "
        "scale_max:double"
    ),
    "staging.stg_staff__engagement": (
        "response_id department_id answered_on:date question score:double scale_min:double scale_max:double"
    ),
    "staging.stg_ehr__observations": (
        "observation_id patient_id status code_system code value_code effective_at:timestamp"
    ),
    "staging.stg_ehr__service_requests": (
        "service_request_id patient_id encounter_id status intent category_code code authored_at:timestamp requester_id"
    ),
    "staging.stg_ehr__tasks": ("task_id service_request_id status code modified_at:timestamp ended_at:timestamp"),
    "staging.stg_ehr__communications": (
        "communication_id patient_id sender_type thread_id service_request_id status category_code sent_at:timestamp "
        "received_at:timestamp"
    ),
    "staging.stg_billing__claims": (
        "claim_id patient_control_number encounter_id department_id claim_type charge_amount:decimal(18,2) "
        "service_from:date submitted_on:date payer_name"
    ),
    "staging.stg_billing__remits": (
        "remit_id patient_control_number encounter_id department_id charge_amount:decimal(18,2) "
        "paid_amount:decimal(18,2) patient_responsibility_amount:decimal(18,2) adjudicated_on:date payer_name "
        "is_reversal:boolean is_denied:boolean denial_reason_code"
    ),
    "staging.stg_billing__plans": "plan_id patient_control_number agreed_at:timestamp status",
    "staging.stg_billing__statements": (
        "statement_id patient_control_number balance_amount:decimal(18,2) sent_at:timestamp"
    ),
    "staging.stg_billing__payments": ("payment_id patient_control_number amount:decimal(18,2) paid_at:timestamp"),
    "marts.touchpoints": (
        "activity_id:bigint ts:timestamp event_seq:integer person_id:bigint activity channel department_id initiator "
        "is_failed:boolean"
    ),
    "marts.dim_person": (
        "person_id:bigint birth_date:date generation sex race ethnicity language postal_code deceased_on:date"
    ),
}


@dataclass
class Case:
    """Rows of the upstream tables. Patient `7` is person 7; so are the responses and calls named by `identify`."""

    as_of: str = "2026-02-01"
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    identities: list[tuple[str, str, int]] = field(default_factory=list)

    def add(self, table: str, **row: Any) -> None:
        """Add one row to an upstream table (name without its schema)."""
        self.tables.setdefault(table, []).append(row)

    def person(self, number: int, birth_date: str = "1970-06-01", **columns: Any) -> str:
        """Add a person with an EHR record; returns the patient id."""
        self.add("dim_person", person_id=number, birth_date=birth_date, **columns)
        self.identify("ehr", str(number), number)
        return str(number)

    def identify(self, source: str, record: str, person: int) -> None:
        """Say whose a source identity is."""
        self.identities.append((source, record, person))

    def fill(self, patient: str, day: str, days: float | None = 30, drug: str = "617311") -> None:
        """Add one dispense, handed over at noon local time."""
        number = len(self.tables.get("stg_ehr__medication_dispenses", []))
        self.add(
            "stg_ehr__medication_dispenses",
            medication_dispense_id=f"d{number}",
            patient_id=patient,
            status="completed",
            medication_code=drug,
            handed_over_at=f"{day} 17:00:00",
            days_supply=days,
        )

    def encounter(self, patient: str, start: str, end: str | None, class_code: str = "AMB", **columns: Any) -> str:
        """Add one finished encounter; returns its id."""
        encounter_id = f"e{len(self.tables.get('stg_ehr__encounters', []))}"
        row = {"status": "finished", "class_code": class_code, **columns}
        self.add(
            "stg_ehr__encounters", encounter_id=encounter_id, patient_id=patient, started_at=start, ended_at=end, **row
        )
        return encounter_id


def _columns(declared: str) -> str:
    pairs = (column.partition(":") for column in declared.split())
    return ", ".join(f"{name} {kind or 'varchar'}" for name, _, kind in pairs)


def _fill_table(connection: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, Any]]) -> None:
    connection.execute(f"create schema if not exists {table.split('.', maxsplit=1)[0]}")
    connection.execute(f"create table {table} ({_columns(UPSTREAM[table])})")
    by_columns: dict[tuple[str, ...], list[list[Any]]] = {}
    for row in rows:
        by_columns.setdefault(tuple(row), []).append(list(row.values()))
    for names, values in by_columns.items():
        marks = ", ".join("?" for _ in names)
        connection.executemany(f"insert into {table} ({', '.join(names)}) values ({marks})", values)


def write_warehouse(case: Case, home: Path) -> None:
    """Write the case as the warehouse and the crosswalk that the measure models find."""
    (home / "exchange").mkdir(parents=True, exist_ok=True)
    case.tables.setdefault("night", [{"as_of": case.as_of, "as_of_date": case.as_of[:10]}])
    unknown = set(case.tables) - {table.split(".")[1] for table in UPSTREAM}
    assert not unknown, f"not upstream of the measures: {unknown}"
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        for table in UPSTREAM:
            _fill_table(connection, table, case.tables.get(table.split(".")[1], []))
        connection.execute("create temp table crosswalk (source_system text, source_record_id text, person_id bigint)")
        if case.identities:
            connection.executemany("insert into crosswalk values (?, ?, ?)", case.identities)
        connection.execute(f"copy crosswalk to '{home / 'exchange' / 'person_crosswalk.parquet'}'")


def _dbt(home: Path, *arguments: str) -> str:
    """Run dbt on a warehouse in a process of its own (it keeps its connection open); returns what it printed."""
    environment = {
        **os.environ,
        "JOURNEYS_HOME": str(home),
        "DBT_TARGET_PATH": str(home / "target"),
        "DBT_LOG_PATH": str(home / "logs"),
        "DO_NOT_TRACK": "1",
    }
    project = os.environ.get("JOURNEYS_DBT_PROJECT", str(DBT_PROJECT))
    code = (
        "import sys; from dbt.cli.main import dbtRunner; "
        "result = dbtRunner().invoke(sys.argv[1:]); sys.exit(0 if result.success else 1)"
    )
    where = ("--project-dir", project, "--profiles-dir", project)
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments, *where], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


def build_marts(home: Path, *marts: str) -> None:
    """Build the seeds, the given marts and what they need."""
    only_models = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
    wanted = ("resource_type:seed", *(f"+{mart},path:models/marts" for mart in marts))
    _dbt(home, "build", *only_models, "--select", *wanted)


def compiled(home: Path, sql: str) -> str:
    """SQL that uses the project's macros, as dbt compiles it."""
    return _dbt(home, "compile", "--quiet", "--inline", sql)


@contextmanager
def measured(case: Case, home: Path, *marts: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Build the given marts over the case; yields a read-only connection to the warehouse."""
    write_warehouse(case, home)
    build_marts(home, *marts)
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        yield connection


def rows_by(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Mapping[str, Any]]:
    """Rows of a query as dictionaries."""
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
