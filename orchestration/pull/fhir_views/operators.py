"""FHIRPath operators → SQL.

Belongs here: logic, comparison, arithmetic. Does not belong: paths and functions (``expressions``).
"""

from __future__ import annotations

from orchestration.pull.fhir_views.definition import InvalidViewError
from orchestration.pull.fhir_views.terms import NUMBERS, Expr, Scope, condition, value, values

_COMPARISONS = frozenset({"<", "<=", ">", ">="})


def binary(operator: str, left: Expr, right: Expr, scope: Scope) -> Expr:
    """``left operator right``. Raises InvalidViewError where the types do not fit."""
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
    numbers = left.fhir_type in NUMBERS and right.fhir_type in NUMBERS
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
