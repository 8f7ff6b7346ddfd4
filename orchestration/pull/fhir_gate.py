"""The gate that every FHIR record passes: its JSON, the strict schema of its type, and which release it is written in.

Belongs here: turning what is wrong with a record's structure into findings (rule and element, never a value).
Does not belong: the schema (``fhir_schema``), rules across elements (``fhir_rules``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pyarrow as pa

from orchestration.pull.fhir_releases import releases_with
from orchestration.pull.fhir_schema import validator
from orchestration.pull.fhir_views.elements import UNDESCRIBED

_RULES = {
    "type": "type_invalid",
    "required": "required",
    "additionalProperties": "element_unknown",
    "enum": "code_unknown",
    "const": "resource_type",
    "pattern": "format_invalid",
    "minLength": "format_invalid",
    "minItems": "type_invalid",
    "minProperties": "type_invalid",
}

Finding = dict[str, str | None]
FINDINGS = pa.list_(pa.struct([("rule", pa.string()), ("element", pa.string()), ("detail", pa.string())]))


def gate(resource_type: str) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
    """Return the gate of a resource type: a batch of lines in, the same with a column `structure` of findings out."""
    is_valid, errors = validator(resource_type).is_valid, validator(resource_type).iter_errors

    def judged(batch: pa.RecordBatch) -> pa.RecordBatch:
        found: dict[int, list[Finding]] = {}
        texts = batch.column("text").cast(pa.binary()).to_pylist()
        for number, text in enumerate(texts):
            try:
                record = orjson.loads(text)
            except orjson.JSONDecodeError:
                found[number] = [_finding("json_invalid")]
                continue
            if may_repeat_keys(text, record) and (repeated := repeated_keys(text)):
                # Where unknown elements stand, a path may hold anybody's words.
                paths = repeated if is_valid(record) else [()]
                found[number] = [_finding("key_repeated", ".".join((resource_type, *path))) for path in paths]
            if not is_valid(record):
                found.setdefault(number, []).extend(_explained(errors(record), resource_type))
        column = [found.get(number) for number in range(len(texts))] if found else None
        structure = pa.array(column, FINDINGS) if column else pa.nulls(len(texts), FINDINGS)
        return batch.append_column("structure", structure)

    return judged


def gated(lines: pa.RecordBatchReader, resource_type: str | None) -> pa.RecordBatchReader:
    """Return ``lines`` with the column `structure`: null, or the findings of the gate.

    Where there is no type, or one whose structure is not known, there are no findings.
    """
    judge = gate(resource_type) if resource_type and resource_type not in UNDESCRIBED else _unjudged
    schema = lines.schema.append(pa.field("structure", FINDINGS))
    return pa.RecordBatchReader.from_batches(schema, (judge(batch) for batch in lines))


def may_repeat_keys(text: bytes, record: Any) -> bool:
    """Whether ``text``, parsed as ``record``, is worth a closer look.

    A parser keeps the last of repeated keys in silence; but then what it kept has fewer keys than the text.
    """
    return text.count(b'":') != orjson.dumps(record).count(b'":') or b'" :' in text


def repeated_keys(text: bytes) -> list[tuple[str, ...]]:
    """Return the paths of the JSON objects that hold a key twice."""
    return [path for path, keys in _objects(json.loads(text, object_pairs_hook=_Pairs), ()) if len(keys) > len({*keys})]


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as it is written: keys may repeat."""


def _objects(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    if isinstance(node, _Pairs):
        yield path, [key for key, _ in node]
        for key, value in node:
            yield from _objects(value, (*path, key))
    elif isinstance(node, list):
        for item in node:
            yield from _objects(item, path)


def _unjudged(batch: pa.RecordBatch) -> pa.RecordBatch:
    return batch.append_column("structure", pa.nulls(len(batch), FINDINGS))


def _explained(errors: Iterator[Any], resource_type: str) -> Iterator[Finding]:
    """Yield rule and element of each error; never its message, which holds values."""
    for error in errors:
        path = [resource_type, *(str(part) for part in error.instance_path if isinstance(part, str))]
        if error.kind.name == "additionalProperties":
            yield from _unknown_elements(error.kind.unexpected, path)
            continue
        # A primitive or its extension, an item or null: the first is what was meant.
        kind = error.kind.context[0][0].kind if error.kind.name == "anyOf" else error.kind
        if kind.name == "required":
            path.append(kind.property)
        yield _finding(_RULES.get(kind.name, "structure_invalid"), ".".join(path))


def _unknown_elements(names: list[str], path: list[str]) -> Iterator[Finding]:
    """Elements that R4 does not have: of another release where one knows them, else of nobody (and then unnamed)."""
    for name in names:
        releases = releases_with(path[0], name) if len(path) == 1 else ()
        if releases:
            yield _finding("fhir_version", f"{path[0]}.{name}", f"an element of {' and '.join(releases)}, not of R4")
        else:
            yield _finding("element_unknown", ".".join(path))


def _finding(rule: str, element: str | None = None, detail: str | None = None) -> Finding:
    return {"rule": rule, "element": element, "detail": detail}
