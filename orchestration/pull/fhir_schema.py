"""A strict JSON Schema of a FHIR R4 resource, from the elements' metadata, and the gate that every record passes.

Belongs here: structure (objects and lists, types, unknown and missing elements, formats, codes, reference targets) of a
whole record, read by a view or not. Does not belong: rules across elements and between records (``fhir_rules``).
Source: HL7 FHIR R4 JSON representation and datatypes, through the models of ``fhir.resources``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import jsonschema_rs
import orjson
import pyarrow as pa

from orchestration.pull.fhir_views.elements import Element, elements, is_primitive

Schema = dict[str, Any]

_DATE = r"[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?"
_DAY = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?"
_ZONE = r"(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_ID = "[A-Za-z0-9.-]{1,64}"

#: JSON form of the primitive types; any other is text that is not empty.
_PRIMITIVES: dict[str, Schema] = {
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer"},
    "positiveInt": {"type": "integer", "minimum": 1},
    "unsignedInt": {"type": "integer", "minimum": 0},
    "decimal": {"type": "number"},
    "date": {"type": "string", "pattern": f"^{_DATE}$"},
    "dateTime": {"type": "string", "pattern": f"^({_DATE}|{_DAY}T{_CLOCK}{_ZONE})$"},
    "instant": {"type": "string", "pattern": f"^{_DAY}T{_CLOCK}{_ZONE}$"},
    "time": {"type": "string", "pattern": f"^{_CLOCK}$"},
    "id": {"type": "string", "pattern": f"^{_ID}$"},
    "code": {"type": "string", "pattern": r"^\S+( \S+)*$"},
}
_TEXT: Schema = {"type": "string", "minLength": 1}

#: A resource inside a resource: its own type is not looked into.
_ANY_RESOURCE: Schema = {"type": "object", "required": ["resourceType"]}
_RULES = {
    "type": "type_invalid",
    "required": "required",
    "anyOf": "required",
    "additionalProperties": "element_unknown",
    "enum": "code_unknown",
    "const": "resource_type",
    "pattern": "format_invalid",
    "minLength": "format_invalid",
    "minItems": "type_invalid",
}

FINDINGS = pa.list_(pa.struct([("rule", pa.string()), ("element", pa.string())]))


def resource_schema(resource_type: str) -> Schema:
    """Return the JSON Schema (draft 2020-12) of a resource type."""
    definitions: dict[str, Schema] = {}
    pending = [resource_type]
    while pending:
        fhir_type = pending.pop()
        if fhir_type not in definitions:
            definitions[fhir_type] = _object(fhir_type, fhir_type == resource_type, pending)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": f"#/$defs/{resource_type}"} | {
        "$defs": definitions
    }


def _object(fhir_type: str, is_root: bool, pending: list[str]) -> Schema:
    properties: dict[str, Schema] = {"fhir_comments": {}}
    required: list[str] = ["resourceType", "id"] if is_root else []
    either: list[Schema] = []
    if is_root:
        properties["resourceType"] = {"const": fhir_type}
    for element in elements(fhir_type).values():
        names = []
        for variant in element.types:
            name = element.json_name(variant)
            properties[name] = _listed(_value(element, variant, pending), element.is_list)
            names.append(name)
            if is_primitive(variant):
                properties["_" + name] = _extended(element.is_list, pending)
                names.append("_" + name)
        if element.is_required and len(names) == 1:
            required += names
        elif element.is_required:
            either.append({"anyOf": [{"required": [name]} for name in names]})
    found: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    found |= {"required": sorted(set(required))} if required else {}
    return found | ({"allOf": either} if either else {})


def _value(element: Element, fhir_type: str, pending: list[str]) -> Schema:
    if element.codes:
        return {"enum": list(element.codes)}
    if is_primitive(fhir_type):
        return _PRIMITIVES.get(fhir_type, _TEXT)
    if fhir_type == "Resource":
        return _ANY_RESOURCE
    pending.append(fhir_type)
    reference: Schema = {"$ref": f"#/$defs/{fhir_type}"}
    if fhir_type == "Reference" and element.targets:
        pattern = f"^(https?://\\S+|({'|'.join(element.targets)})[/?].+|#.*|urn:(uuid|oid):.+)$"
        reference["properties"] = {"reference": {"pattern": pattern}}
    return reference


def _listed(schema: Schema, is_list: bool) -> Schema:
    if not is_list:
        return schema
    # A list of primitives has nulls where only the extension of an item is given.
    item = {"anyOf": [schema, {"type": "null"}]} if "$ref" not in schema and schema is not _ANY_RESOURCE else schema
    return {"type": "array", "minItems": 1, "items": item}


def _extended(is_list: bool, pending: list[str]) -> Schema:
    pending.append("Element")
    one: Schema = {"$ref": "#/$defs/Element"}
    return {"type": "array", "items": {"anyOf": [one, {"type": "null"}]}} if is_list else one


@lru_cache
def validator(resource_type: str) -> jsonschema_rs.Validator:
    """Return the compiled validator of a resource type."""
    return jsonschema_rs.validator_for(resource_schema(resource_type))


def gate(resource_type: str) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
    """Return the gate of a resource type: a batch of lines in, the same with a column `structure` of findings out."""
    is_valid, errors = validator(resource_type).is_valid, validator(resource_type).iter_errors

    def judged(batch: pa.RecordBatch) -> pa.RecordBatch:
        found: dict[int, list[dict[str, str | None]]] = {}
        texts = batch.column("text").cast(pa.binary()).to_pylist()
        for number, text in enumerate(texts):
            try:
                record = orjson.loads(text)
            except orjson.JSONDecodeError:
                found[number] = [{"rule": "json_invalid", "element": None}]
                continue
            if not is_valid(record):
                found[number] = list(_explained(errors(record), resource_type))
        column = [found.get(number) for number in range(len(texts))] if found else None
        structure = pa.array(column, FINDINGS) if column else pa.nulls(len(texts), FINDINGS)
        return batch.append_column("structure", structure)

    return judged


def gated(lines: pa.RecordBatchReader, resource_type: str | None) -> pa.RecordBatchReader:
    """Return ``lines`` with the column `structure`: null, or the findings of the gate; no type, no findings."""
    judge = gate(resource_type) if resource_type else _unjudged
    schema = lines.schema.append(pa.field("structure", FINDINGS))
    return pa.RecordBatchReader.from_batches(schema, (judge(batch) for batch in lines))


def _unjudged(batch: pa.RecordBatch) -> pa.RecordBatch:
    return batch.append_column("structure", pa.nulls(len(batch), FINDINGS))


def _explained(errors: Iterator[Any], resource_type: str) -> Iterator[dict[str, str | None]]:
    """Yield rule and element of each error; never its message, which holds values."""
    for error in errors:
        path = [resource_type, *(str(part) for part in error.instance_path if isinstance(part, str))]
        if error.kind.name == "required":
            path.append(error.kind.property)
        yield {"rule": _RULES.get(error.kind.name, "structure_invalid"), "element": ".".join(path)}
