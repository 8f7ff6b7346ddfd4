"""FHIRPath with types → SQL expressions.

Belongs here: navigation, operators and functions on FHIR elements. Does not belong: rows (``compiler``), spelling
(``dialect``).
A collection is an SQL list where the path can give several values, else a nullable value; null and [] are both empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from orchestration.pull.fhir_views import fhirpath as fp
from orchestration.pull.fhir_views.definition import InvalidViewError
from orchestration.pull.fhir_views.dialect import DuckDb
from orchestration.pull.fhir_views.elements import Element, elements, is_primitive, is_resource
from orchestration.pull.fhir_views.shape import Shape

_NUMBERS = frozenset({"integer", "positiveInt", "unsignedInt", "decimal"})
_COMPARISONS = frozenset({"<", "<=", ">", ">="})


@dataclass(frozen=True)
class Expr:
    """A compiled expression. ``is_text``: a primitive still as the JSON's text, cast only where its value is needed."""

    sql: str
    fhir_type: str
    many: bool = False
    shape: Shape | None = None
    is_text: bool = False
    choice: tuple[Expr, Element] | None = None


@dataclass(frozen=True)
class Scope:
    """What an expression may refer to."""

    dialect: DuckDb
    this: Expr
    constants: Mapping[str, Expr]
    row_index: str = "0"
    names: Iterator[int] = field(default_factory=lambda: count(1))
    types: dict[str, str] = field(default_factory=dict)

    def within(self, this: Expr, row_index: str | None = None) -> Scope:
        """The scope inside an element."""
        return replace(self, this=this, row_index=row_index or self.row_index)

    def fresh(self) -> str:
        """A lambda parameter that no other uses."""
        return f"x{next(self.names)}"


def compile_path(text: str, scope: Scope) -> Expr:
    """Compile a FHIRPath expression. Raises InvalidViewError."""
    try:
        return _compile(fp.parse(text), scope)
    except fp.FhirPathError as error:
        raise InvalidViewError(str(error)) from error


def value(expr: Expr, scope: Scope) -> str:
    """SQL of the single value of ``expr`` in its own SQL type."""
    if expr.choice:
        raise InvalidViewError(f"{expr.choice[1].name} has several types: use ofType()")
    sql = scope.dialect.single(expr.sql) if expr.many else expr.sql
    sql_type = scope.dialect.sql_type(expr.fhir_type)
    return scope.dialect.cast(sql, sql_type) if expr.is_text and sql_type != "varchar" else sql


def values(expr: Expr, scope: Scope) -> str:
    """SQL of all values of ``expr`` as a list."""
    if not expr.many:
        name = scope.fresh()
        return scope.dialect.filter(scope.dialect.list_of(value(expr, scope)), name, f"{name} is not null")
    sql_type = scope.dialect.sql_type(expr.fhir_type)
    if not expr.is_text or sql_type == "varchar":
        return expr.sql
    name = scope.fresh()
    return scope.dialect.transform(expr.sql, name, scope.dialect.cast(name, sql_type))


def condition(expr: Expr, scope: Scope) -> str:
    """SQL of a Boolean expression. Raises InvalidViewError for any other type."""
    if expr.fhir_type != "boolean":
        raise InvalidViewError(f"a condition must be Boolean, not {expr.fhir_type}")
    return value(expr, scope)


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
            return _binary(operator, _compile(left, scope), _compile(right, scope), scope)
        case fp.Call(target, name, arguments):
            return _call(_compile(target, scope), name, arguments, scope)


def literal(fhir_type: str, text: str, dialect: DuckDb) -> Expr:
    """A constant as an expression."""
    is_plain = fhir_type in _NUMBERS or fhir_type == "boolean"
    return Expr(text if is_plain else dialect.text(text), fhir_type)


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


def _binary(operator: str, left: Expr, right: Expr, scope: Scope) -> Expr:
    if operator in ("and", "or", "xor", "implies"):
        a, b = condition(left, scope), condition(right, scope)
        sql = {"and": f"({a} and {b})", "or": f"({a} or {b})", "xor": f"({a} <> {b})", "implies": f"(not {a} or {b})"}
        return Expr(sql[operator], "boolean")
    if operator in ("=", "!="):
        return _equal(left, right, operator == "=", scope)
    a, b = value(left, scope), value(right, scope)
    if operator in _COMPARISONS:
        if {"dateTime", "instant"} & {left.fhir_type, right.fhir_type}:
            a, b = (scope.dialect.cast(x, "timestamp") for x in (a, b))
        return Expr(f"({a} {operator} {b})", "boolean")
    return _arithmetic(operator, left, right, (a, b))


def _equal(left: Expr, right: Expr, wanted: bool, scope: Scope) -> Expr:
    dialect = scope.dialect
    if left.many or right.many:
        # Collections are equal as a whole; two empty ones are neither equal nor unequal.
        a, b = values(left, scope), values(right, scope)
        sql = f"case when {dialect.length(a)} > 0 and {dialect.length(b)} > 0 then {a} = {b} end"
    else:
        sql = f"{value(left, scope)} = {value(right, scope)}"
    return Expr(f"({sql})" if wanted else f"(not ({sql}))", "boolean")


def _arithmetic(operator: str, left: Expr, right: Expr, sql: tuple[str, str]) -> Expr:
    numbers = left.fhir_type in _NUMBERS and right.fhir_type in _NUMBERS
    if operator == "&":
        return Expr(f"(coalesce({sql[0]}, '') || coalesce({sql[1]}, ''))", "string")
    if not numbers and operator == "+":
        return Expr(f"({sql[0]} || {sql[1]})", "string")
    if not numbers:
        raise InvalidViewError(f"{left.fhir_type} {operator} {right.fhir_type} is not arithmetic")
    whole = "integer" if operator in ("div", "mod") or {left.fhir_type, right.fhir_type}.isdisjoint({"decimal"}) else ""
    spelled = {"div": "//", "mod": "%"}.get(operator, operator)
    divisor = f"nullif({sql[1]}, 0)" if operator in ("/", "div", "mod") else sql[1]
    return Expr(f"({sql[0]} {spelled} {divisor})", "decimal" if operator == "/" else whole or "decimal")


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
