"""Rules on FHIR records as SQL: what must be there, how values are written, what refers to what.

Belongs here: deriving the rules from the elements' metadata and the parts of a resource that are read; which rules
reject. Does not belong: reading files (``fhir_files``); the structure of what no view reads (``fhir_schema``).
Source: HL7 FHIR R4, datatypes (formats of id, date, dateTime, instant), references, required bindings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from orchestration.lake.duck import quote
from orchestration.pull.fhir_views.elements import Element, elements, is_primitive
from orchestration.pull.fhir_views.shape import Shape

#: What a finding does unless a source declares otherwise: every rule rejects except these.
WARNINGS: frozenset[str] = frozenset({"id_conflict"})

#: Optional in FHIR, but a record without it is of no use to a journey.
_ALSO_REQUIRED: Mapping[str, tuple[str, ...]] = {"Encounter": ("subject",)}

_ID = "[A-Za-z0-9.-]{1,64}"
_REFERENCE = rf"(https?://.+|([A-Z][A-Za-z]+/{_ID}(/_history/{_ID})?)|#.*|urn:(uuid|oid):.+|[A-Z][A-Za-z]+\?.+)"
_TIMES = frozenset({"date", "dateTime", "instant"})
_NUMBERS: Mapping[str, str] = {
    "decimal": "double",
    "integer": "integer",
    "positiveInt": "integer",
    "unsignedInt": "integer",
}

PRELUDE: tuple[str, ...] = (
    # Partial times are compared as far as both are known.
    """create or replace temp macro fhir_ends_before(e, s, e_at, s_at) as case
        when least(length(e), length(s)) <= 10
            then left(e, least(length(e), length(s))) < left(s, least(length(e), length(s)))
        else e_at < s_at
    end""",
    # What a rule says of an element, the schema need not say again.
    """create or replace temp macro fhir_findings(of_rules, of_schema) as list_concat(of_rules, list_filter(
        of_schema,
        lambda f: not coalesce(list_contains(list_transform(of_rules, lambda r: r.element), f.element), false)
    ))""",
    f"""create or replace temp macro fhir_reference_ok(x) as regexp_full_match(x, {quote(_REFERENCE)})""",
    """create or replace temp macro fhir_reference_type(x) as
        regexp_extract(x, '^(?:https?://.+/)?([A-Z][A-Za-z]+)/[A-Za-z0-9.-]+(?:/_history/.+)?$', 1)""",
)


@dataclass(frozen=True)
class Check:
    """A rule on one element: a finding wherever ``when`` (SQL over the parsed resource) is true."""

    rule: str
    element: str
    when: str

    def finding(self, severities: Mapping[str, str]) -> str:
        """What is found where the check fails, as SQL."""
        return finding(quote(self.rule), quote(self.element), severities)


def finding(rule: str, element: str, severities: Mapping[str, str], detail: str = "cast(null as varchar)") -> str:
    """A finding as SQL, of SQL expressions for its rule, element and detail."""
    warnings = {rule for rule in WARNINGS if severities.get(rule) != "reject"}
    warnings |= {rule for rule, severity in severities.items() if severity == "warn"}
    listed = ", ".join(quote(warning) for warning in sorted(warnings)) or "''"
    return (
        f"{{'rule': {rule}, 'element': {element}, "
        f"'severity': case when {rule} in ({listed}) then 'warn' else 'reject' end, 'detail': {detail}}}"
    )


def checks(shape: Shape, root: str) -> list[Check]:
    """Every rule on a resource type, for the struct ``root`` of ``shape``; adds to the shape what the rules read."""
    resource = shape.fhir_type
    found = [*_identity(shape, root), *_required(shape, root)]
    _read_periods(shape)
    found += [
        Check(check.rule, f"{resource}.{check.element}", check.when)
        for check in _of_parts(shape, root, "")
        if check.element != "id"
    ]
    return found


def _identity(shape: Shape, root: str) -> Iterator[Check]:
    shape.child("id", "id", False)
    yield Check("required", f"{shape.fhir_type}.id", f"{root}.id is null")
    yield Check("id_invalid", f"{shape.fhir_type}.id", f"not regexp_full_match({root}.id, '{_ID}')")


def _required(shape: Shape, root: str) -> Iterator[Check]:
    """Required elements; a primitive may be replaced by an extension that says why it is absent."""
    for element in elements(shape.fhir_type).values():
        if not (element.is_required or element.name in _ALSO_REQUIRED.get(shape.fhir_type, ())):
            continue
        missing = []
        for fhir_type in element.types:
            name = element.json_name(fhir_type)
            shape.child(name, fhir_type, element.is_list)
            missing.append(f'{root}."{name}" is null')
            if is_primitive(fhir_type):
                shape.child("_" + name, "Element", False)
                given = f'{root}."{name}"' if element.is_list else f"nullif({root}.\"{name}\", '')"
                missing[-1] = f'{given} is null and {root}."_{name}" is null'
        yield Check("required", f"{shape.fhir_type}.{element.name}", " and ".join(missing))


def _read_periods(shape: Shape) -> None:
    """Read both ends of every period beside what is read: that they are in order is more than a schema can say."""
    for element in elements(shape.fhir_type).values():
        if "Period" in element.types:
            period = shape.child(element.json_name("Period"), "Period", element.is_list)
            for name in ("start", "end"):
                period.child(name, "dateTime", False)
    for child in shape.children.values():
        if child.children and not child.is_json and child.fhir_type != "Period":
            _read_periods(child)


def _of_parts(shape: Shape, sql: str, path: str, depth: int = 0) -> Iterator[Check]:
    """Rules on the parts of a struct that are read, at any depth."""
    known = {e.json_name(t): e for e in elements(shape.fhir_type).values() for t in e.types}
    for name, child in list(shape.children.items()):
        element = known.get(name)
        if element is None or child.is_json:
            continue
        where = f"{path}.{name}" if path else name
        part = f'{sql}."{name}"'
        if not child.is_list:
            yield from _of_part(child, element, part, where, depth)
            continue
        item = f"i{depth}"
        for check in _of_part(child, element, item, where, depth + 1):
            yield Check(
                check.rule, check.element, f"len(list_filter({part}, lambda {item}: coalesce({check.when}, false))) > 0"
            )
    yield from _period_order(shape, sql, path)
    yield from _choices(shape, sql, path)


def _choices(shape: Shape, sql: str, path: str) -> Iterator[Check]:
    """A choice is made once: whichever of two values is read, the other may be what was meant."""
    for element in elements(shape.fhir_type).values():
        read = [name for name in map(element.json_name, element.types) if name in shape.children]
        if len(read) > 1:
            given = " + ".join(f'({sql}."{name}" is not null)::int' for name in read)
            yield Check("choice_repeated", f"{path}.{element.name}" if path else element.name, f"{given} > 1")


def _of_part(shape: Shape, element: Element, sql: str, path: str, depth: int) -> Iterator[Check]:
    if shape.fhir_type == "Reference":
        yield from _reference(shape, element, sql, path)
    elif shape.children:
        yield from _of_parts(shape, sql, path, depth)
    elif shape.fhir_type in _TIMES:
        cast = "fhir_date" if shape.fhir_type == "date" else "fhir_time"
        partial = f" or length({sql}) <= 10" if shape.fhir_type == "instant" else ""
        yield Check("date_invalid", path, f"{sql} is not null and ({cast}({sql}) is null{partial})")
    elif sql_type := _NUMBERS.get(shape.fhir_type):
        yield Check("number_invalid", path, f"{sql} is not null and try_cast({sql} as {sql_type}) is null")
    elif shape.fhir_type == "boolean":
        yield Check("boolean_invalid", path, f"{sql} not in ('true', 'false')")
    elif element.codes:
        yield Check("code_unknown", path, f"{sql} not in ({', '.join(quote(code) for code in element.codes)})")


def _reference(shape: Shape, element: Element, sql: str, path: str) -> Iterator[Check]:
    if "reference" not in shape.children:
        return
    text = f"{sql}.reference"
    yield Check("reference_invalid", f"{path}.reference", f"not fhir_reference_ok({text})")
    if element.targets:
        targets = ", ".join(quote(target) for target in ("", *element.targets))
        plain = " or ".join(f"starts_with({text}, {quote(target + '/')})" for target in element.targets[:2])
        # A case, because the two sides of a plain "and" are both computed for every record.
        other = f"case when {plain} then false else fhir_reference_type({text}) not in ({targets}) end"
        yield Check("reference_target", f"{path}.reference", other)


def _period_order(shape: Shape, sql: str, path: str) -> Iterator[Check]:
    if {"start", "end"} <= shape.children.keys() and shape.children["start"].fhir_type in _TIMES:
        end = f"{path}.end" if path else "end"
        ended, started = f'{sql}."end"', f'{sql}."start"'
        when = f"fhir_ends_before({ended}, {started}, fhir_time({ended}), fhir_time({started}))"
        yield Check("end_before_start", end, when)
