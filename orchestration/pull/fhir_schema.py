"""A strict JSON Schema of a FHIR R4 resource, from the elements' metadata.

Belongs here: structure (objects and lists, types, unknown and missing elements, formats, codes, reference targets) of a
whole record, read by a view or not. Does not belong: passing records through it (``fhir_gate``), rules across elements
and between records (``fhir_rules``).
Source: HL7 FHIR R4 JSON representation and datatypes, through the models of ``fhir.resources``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jsonschema_rs

from orchestration.pull.fhir_views.elements import Element, elements, is_primitive

Schema = dict[str, Any]

_YEAR = "([0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
_BY_FOUR = "(0[48]|[2468][048]|[13579][26])"
_LEAP_YEAR = f"([0-9]{{2}}{_BY_FOUR}|{_BY_FOUR}00)"
_MONTH_DAY = "((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
_DAY = f"({_YEAR}-{_MONTH_DAY}|{_LEAP_YEAR}-02-29)"
_DATE = f"({_YEAR}(-(0[1-9]|1[0-2]))?|{_DAY})"
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
    found: Schema = {"type": "object", "properties": properties, "additionalProperties": False, "minProperties": 1}
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
