"""FHIRPath with types → SQL expressions.

Belongs here: navigation and functions on FHIR elements. Does not belong: operators (``operators``), rows
(``compiler``), spelling (``dialect``).
A collection is an SQL list where the path can give several values, else a nullable value; null and [] are both empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from orchestration.pull.fhir_views import fhirpath as fp
from orchestration.pull.fhir_views.definition import InvalidViewError
from orchestration.pull.fhir_views.elements import elements, is_primitive, is_resource
from orchestration.pull.fhir_views.operators import binary
from orchestration.pull.fhir_views.terms import Expr, Scope, condition, literal, value, values


def compile_path(text: str, scope: Scope) -> Expr:
    """Compile a FHIRPath expression. Raises InvalidViewError."""
    try:
        return _compile(fp.parse(text), scope)
    except fp.FhirPathError as error:
        raise InvalidViewError(str(error)) from error


def _compile(node: fp.Node, scope: Scope) -> Expr:  # noqa: PLR0911 - one line a kind of node
    match node:
        case fp.This():
            return scope.this
        case fp.Literal(fhir_type, text):
            return literal(fhir_type, text, scope.dialect)
        case fp.Variable("rowIndex"):
            return Expr(scope.row_index, "integer")
        case fp.Variable(name):
            if name not in scope.constants:
                raise InvalidViewError(f"unknown constant %{name}")
            return scope.constants[name]
        case fp.Member(target, name):
            return member(_compile(target, scope), name, scope)
        case fp.Index(target, position):
            return _index(_compile(target, scope), value(_compile(position, scope), scope), scope)
        case fp.Binary(operator, left, right):
            return binary(operator, _compile(left, scope), _compile(right, scope), scope)
        case fp.Call(target, name, arguments):
            return _call(_compile(target, scope), name, arguments, scope)


def member(target: Expr, name: str, scope: Scope) -> Expr:
    """``target.name``."""
    if target.shape is None or is_primitive(target.fhir_type):
        raise InvalidViewError(f"{target.fhir_type} has no element {name}")
    if name == "resourceType" and is_resource(target.fhir_type):
        return _step(target, name, "code", False, scope)
    element = elements(target.fhir_type).get(name)
    if element is None:
        raise InvalidViewError(f"{target.fhir_type} has no element {name}")
    if element.is_choice:
        return Expr("", name, choice=(target, element))
    return _step(target, name, element.types[0], element.is_list, scope)


def _step(target: Expr, json_name: str, fhir_type: str, is_list: bool, scope: Scope) -> Expr:
    dialect = scope.dialect
    if target.shape is None:
        raise InvalidViewError(f"{target.fhir_type} has no element {json_name}")
    shape = target.shape.child(json_name, fhir_type, is_list)
    if not target.many:
        sql = dialect.field(target.sql, json_name)
    else:
        name = scope.fresh()
        sql = dialect.transform(target.sql, name, dialect.field(name, json_name))
        sql = dialect.flatten(sql) if is_list else sql
        kept = scope.fresh()
        sql = dialect.filter(sql, kept, f"{kept} is not null")
    return Expr(sql, fhir_type, target.many or is_list, shape, is_text=is_primitive(fhir_type))


def _index(target: Expr, position: str, scope: Scope) -> Expr:
    if target.many:
        return replace(target, sql=scope.dialect.element(target.sql, position), many=False)
    return replace(target, sql=f"case when {position} = 0 then {target.sql} end")


def _call(target: Expr, name: str, arguments: tuple[fp.Node, ...], scope: Scope) -> Expr:
    function = _FUNCTIONS.get(name)
    if function is None:
        raise InvalidViewError(f"unknown function {name}()")
    return function(target, arguments, scope)


def _where(target: Expr, arguments: tuple[fp.Node, ...], scope: Scope) -> Expr:
    _arity("where", arguments, 1, 1)
    if not target.many:
        held = condition(_compile(arguments[0], scope.within(target)), scope)
        return replace(target, sql=f"case when {held} then {target.sql} end")
    name = scope.fresh()
    inner = scope.within(replace(target, sql=name, many=False))
    return replace(target, sql=scope.dialect.filter(target.sql, name, condition(_compile(arguments[0], inner), inner)))


def _exists(target: Expr, arguments: tuple[fp.Node, ...], scope: Scope) -> Expr:
    _arity("exists", arguments, 0, 1)
    found = _where(target, arguments, scope) if arguments else target
    return Expr(_present(found, scope), "boolean")


def _empty(target: Expr, arguments: tuple[fp.Node, ...], scope: Scope) -> Expr:
    _arity("empty", arguments, 0, 0)
    return Expr(f"(not {_present(target, scope)})", "boolean")


def _present(target: Expr, scope: Scope) -> str:
    if target.choice:
        owner, element = target.choice
        variants = [_step(owner, element.json_name(t), t, False, scope) for t in element.types]
        return "(" + " or ".join(_present(variant, scope) for variant in variants) + ")"
    return f"({scope.dialect.length(target.sql)} > 0)" if target.many else f"({target.sql} is not null)"


def _first(target: Expr, arguments: tuple[fp.Node, ...], scope: Scope) -> Expr:
    _arity("first", arguments, 0, 0)
    return _index(target, "0", scope) if target.many else target


def _count(target: Expr, arguments: tuple[fp.Node, ...], scope: Scope) -> Expr:
    _arity("count", arguments, 0, 0)
    sql = scope.dialect.length(target.sql) if target.many else f"cast({_present(target, scope)} as integer)"
    return Expr(sql, "integer")


def _not(target: Expr, arguments: tuple[fp.Node, ...], scope: Scope) -> Expr:
    _arity("not", arguments, 0, 0)
    return Expr(f"(not {condition(target, scope)})", "boolean")


def _join(target: Expr, arguments: tuple[fp.Node, ...], scope: Scope) -> Expr:
    _arity("join", arguments, 0, 1)
    separator = value(_compile(arguments[0], scope), scope) if arguments else scope.dialect.text("")
    return Expr(scope.dialect.join(values(target, scope), separator), "string")


def _of_type(target: Expr, arguments: tuple[fp.Node, ...], scope: Scope) -> Expr:
    wanted = _type_name("ofType", arguments)
    if not target.choice:
        return target if target.fhir_type == wanted else replace(target, sql="null", fhir_type=wanted, many=False)
    owner, element = target.choice
    if wanted not in element.types:
        raise InvalidViewError(f"{element.name} is never of type {wanted}")
    return _step(owner, element.json_name(wanted), wanted, False, scope)


def _extension(target: Expr, arguments: tuple[fp.Node, ...], scope: Scope) -> Expr:
    _arity("extension", arguments, 1, 1)
    of_url = fp.Binary("=", fp.Member(fp.This(), "url"), arguments[0])
    return _where(member(target, "extension", scope), (of_url,), scope)


def _resource_key(target: Expr, arguments: tuple[fp.Node, ...], scope: Scope) -> Expr:
    _arity("getResourceKey", arguments, 0, 0)
    return replace(member(target, "id", scope), fhir_type="string")


def _reference_key(target: Expr, arguments: tuple[fp.Node, ...], scope: Scope) -> Expr:
    if target.fhir_type != "Reference":
        raise InvalidViewError(f"getReferenceKey() is for references, not {target.fhir_type}")
    wanted = _type_name("getReferenceKey", arguments) if arguments else None
    reference = member(target, "reference", scope)
    if not reference.many:
        return Expr(scope.dialect.reference_key(reference.sql, wanted), "string")
    name, kept = scope.fresh(), scope.fresh()
    keys = scope.dialect.transform(reference.sql, name, scope.dialect.reference_key(name, wanted))
    return Expr(scope.dialect.filter(keys, kept, f"{kept} is not null"), "string", many=True)


def _boundary(high: bool) -> Function:
    def compiled(target: Expr, arguments: tuple[fp.Node, ...], scope: Scope) -> Expr:
        _arity("boundary", arguments, 0, 0)
        if target.fhir_type not in ("decimal", "date", "dateTime", "instant", "time"):
            raise InvalidViewError(f"{target.fhir_type} has no boundaries")
        text = scope.dialect.single(target.sql) if target.many else target.sql
        return Expr(scope.dialect.boundary(text, target.fhir_type, high), target.fhir_type)

    return compiled


def _arity(name: str, arguments: tuple[fp.Node, ...], least: int, most: int) -> None:
    if not least <= len(arguments) <= most:
        raise InvalidViewError(f"{name}() does not take {len(arguments)} arguments")


def _type_name(function: str, arguments: tuple[fp.Node, ...]) -> str:
    match arguments:
        case (fp.Member(fp.This(), name),):
            return name
        case (fp.Member(fp.Member(fp.This(), "FHIR" | "System"), name),):
            return name
    raise InvalidViewError(f"{function}() needs the name of a type")


Function = Callable[[Expr, tuple[fp.Node, ...], Scope], Expr]

_FUNCTIONS: Mapping[str, Function] = {
    "where": _where,
    "exists": _exists,
    "empty": _empty,
    "first": _first,
    "count": _count,
    "not": _not,
    "join": _join,
    "ofType": _of_type,
    "extension": _extension,
    "getResourceKey": _resource_key,
    "getReferenceKey": _reference_key,
    "lowBoundary": _boundary(high=False),
    "highBoundary": _boundary(high=True),
}
