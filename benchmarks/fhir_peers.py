"""What a data engineer would write instead: the columns of five views by dict walking, by model classes and by polars.

Belongs here: the same columns by other means, each written the usual way. Does not belong: measuring (``bench_fhir``).
None of them checks anything but what its parser checks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

#: Column -> (kind, path); a number in a path is a position, a kind that begins with a capital the type referred to.
PATHS: dict[str, dict[str, tuple[str, str]]] = {
    "Patient": {
        "patient_id": ("text", "id"), "family": ("text", "name.0.family"), "given": ("text", "name.0.given.0"),
        "suffix": ("text", "name.0.suffix.0"), "birth_date": ("date", "birthDate"), "gender": ("text", "gender"),
        "address_line": ("text", "address.0.line.0"), "city": ("text", "address.0.city"),
        "state": ("text", "address.0.state"), "postal_code": ("text", "address.0.postalCode"),
        "language": ("text", "communication.0.language.coding.0.code"),
        "marital_status": ("text", "maritalStatus.coding.0.code"), "deceased_at": ("time", "deceasedDateTime"),
    },
    "Encounter": {
        "encounter_id": ("text", "id"), "patient_id": ("Patient", "subject.reference"), "status": ("text", "status"),
        "class_code": ("text", "class.code"), "type_system": ("text", "type.0.coding.0.system"),
        "type_code": ("text", "type.0.coding.0.code"), "type_display": ("text", "type.0.coding.0.display"),
        "started_at": ("time", "period.start"), "ended_at": ("time", "period.end"),
        "practitioner_id": ("Practitioner", "participant.0.individual.reference"),
        "department_id": ("Organization", "serviceProvider.reference"),
        "reason_code": ("text", "reasonCode.0.coding.0.code"),
        "discharge_disposition_code": ("text", "hospitalization.dischargeDisposition.coding.0.code"),
    },
    "MedicationRequest": {
        "medication_request_id": ("text", "id"), "patient_id": ("Patient", "subject.reference"),
        "encounter_id": ("Encounter", "encounter.reference"), "status": ("text", "status"),
        "practitioner_id": ("Practitioner", "requester.reference"), "intent": ("text", "intent"),
        "authored_at": ("time", "authoredOn"),
        "medication_system": ("text", "medicationCodeableConcept.coding.0.system"),
        "medication_code": ("text", "medicationCodeableConcept.coding.0.code"),
        "medication_display": ("text", "medicationCodeableConcept.coding.0.display"),
    },
    "Observation": {
        "observation_id": ("text", "id"), "patient_id": ("Patient", "subject.reference"),
        "encounter_id": ("Encounter", "encounter.reference"), "status": ("text", "status"),
        "category_code": ("text", "category.0.coding.0.code"), "code_system": ("text", "code.coding.0.system"),
        "code": ("text", "code.coding.0.code"), "display": ("text", "code.coding.0.display"),
        "effective_at": ("time", "effectiveDateTime"), "effective_start_at": ("time", "effectivePeriod.start"),
        "issued_at": ("time", "issued"), "value_quantity": ("number", "valueQuantity.value"),
        "value_unit": ("text", "valueQuantity.unit"), "value_code": ("text", "valueCodeableConcept.coding.0.code"),
    },
    "ExplanationOfBenefit": {
        "explanation_of_benefit_id": ("text", "id"), "claim_id": ("Claim", "claim.reference"),
        "patient_id": ("Patient", "patient.reference"), "status": ("text", "status"), "use": ("text", "use"),
        "type_code": ("text", "type.coding.0.code"), "billed_from": ("time", "billablePeriod.start"),
        "billed_to": ("time", "billablePeriod.end"), "created_at": ("time", "created"),
        "insurer": ("text", "insurer.display"), "provider_id": ("Practitioner", "provider.reference"),
        "outcome": ("text", "outcome"), "total_amount": ("number", "total.0.amount.value"),
        "paid_amount": ("number", "payment.amount.value"),
        "encounter_id": ("Encounter", "item.0.encounter.0.reference"),
    },
}  # fmt: skip

TABLES = {
    "Patient": "patient", "Encounter": "encounter", "MedicationRequest": "medication_request",
    "Observation": "observation", "ExplanationOfBenefit": "explanation_of_benefit",
}  # fmt: skip

_BATCH = 20_000

Walk = Callable[[Any], Any]


def dicts_and_arrow(files: list[Path], out: Path) -> None:
    """(b) orjson.loads, a walk through the dicts for each column, Arrow arrays, Parquet."""
    import orjson
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrow = {"time": pa.timestamp("us"), "date": pa.date32(), "number": pa.float64()}
    for path in files:
        fhir_type = path.name.split(".")[0]
        columns = {name: _walk(kind, where) for name, (kind, where) in PATHS[fhir_type].items()}
        schema = pa.schema([(n, arrow.get(kind, pa.string())) for n, (kind, _) in PATHS[fhir_type].items()])
        with pq.ParquetWriter(out / f"{TABLES[fhir_type]}.parquet", schema, compression="zstd") as writer:
            for records in _batches(path, orjson.loads):
                writer.write_batch(
                    pa.RecordBatch.from_pydict({n: [walk(r) for r in records] for n, walk in columns.items()}, schema)
                )


def models_and_pandas(files: list[Path], out: Path) -> None:
    """(a) fhir.resources models, a walk through their attributes for each column, a data frame, Parquet."""
    import pandas as pd
    from fhir.resources.R4B import get_fhir_model_class

    for path in files:
        fhir_type = path.name.split(".")[0]
        columns = {name: _walk(kind, where) for name, (kind, where) in PATHS[fhir_type].items()}
        frames = [
            pd.DataFrame({name: [walk(record) for record in records] for name, walk in columns.items()})
            for records in _batches(path, get_fhir_model_class(fhir_type).model_validate_json)
        ]
        pd.concat(frames).to_parquet(out / f"{TABLES[fhir_type]}.parquet", compression="zstd")


def polars_frames(files: list[Path], out: Path) -> None:
    """(c) polars.read_ndjson with the schema of the columns' paths, expressions, Parquet."""
    import polars as pl

    for path in files:
        fhir_type = path.name.split(".")[0]
        tree: dict[str, Any] = {}
        for kind, where in PATHS[fhir_type].values():
            _plant(tree, where.split("."), kind)
        frame = pl.read_ndjson(path, schema=_polars_fields(tree, pl))
        columns = [_polars_column(kind, where, pl).alias(n) for n, (kind, where) in PATHS[fhir_type].items()]
        frame.select(columns).write_parquet(out / f"{TABLES[fhir_type]}.parquet", compression="zstd")


def _batches(path: Path, parse: Callable[[bytes], Any]) -> Iterator[list[Any]]:
    with path.open("rb") as lines:
        records = []
        for line in lines:
            records.append(parse(line))
            if len(records) == _BATCH:
                yield records
                records = []
        yield records


def _walk(kind: str, where: str) -> Walk:
    """Return what finds a column's value in a dict or a model."""
    names = [int(name) if name.isdigit() else name for name in where.split(".")]
    convert: Walk = {"time": _time, "date": _date, "number": float}.get(kind, str)
    if kind[0].isupper():
        convert = _key(kind)

    def walk(node: Any) -> Any:
        for name in names:
            if node is None:
                return None
            if isinstance(name, int):
                node = node[name] if len(node) > name else None
            elif isinstance(node, dict):
                node = node.get(name)
            else:
                node = getattr(node, "class_fhir" if name == "class" else name)
        return None if node is None else convert(node)

    return walk


def _key(fhir_type: str) -> Walk:
    prefix = fhir_type + "/"
    return lambda text: text[len(prefix) :] if text.startswith(prefix) else None


def _time(value: Any) -> datetime | None:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.astimezone(UTC).replace(tzinfo=None)


def _date(value: Any) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _plant(tree: dict[str, Any], names: list[str], kind: str) -> None:
    for position, name in enumerate(names):
        if name.isdigit():
            continue
        is_list = position + 1 < len(names) and names[position + 1].isdigit()
        node = tree.setdefault(name, {"is_list": is_list, "kind": kind, "children": {}})
        tree = node["children"]


def _polars_fields(tree: dict[str, Any], pl: Any) -> dict[str, Any]:
    fields = {}
    for name, node in tree.items():
        inner = pl.Struct(_polars_fields(node["children"], pl)) if node["children"] else None
        inner = inner or (pl.Float64 if node["kind"] == "number" else pl.String)
        fields[name] = pl.List(inner) if node["is_list"] else inner
    return fields


def _polars_column(kind: str, where: str, pl: Any) -> Any:
    first, *names = where.split(".")
    column = pl.col(first)
    for name in names:
        column = column.list.get(int(name), null_on_oob=True) if name.isdigit() else column.struct.field(name)
    if kind == "time":
        return column.str.to_datetime("%+", time_unit="us", time_zone="UTC").dt.replace_time_zone(None)
    if kind == "date":
        return column.str.to_date()
    return column.str.strip_prefix(kind + "/") if kind[0].isupper() else column
