"""A ViewDefinition → one SQL query over JSON documents.

Belongs here: selects, iteration, unions, which rows and columns come out. Does not belong: paths (``expressions``).

A select is compiled to the rows it gives for one element: exactly one row (its columns as plain expressions, the fast
and usual case) or a list of structs, built with list functions and unnested once at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from orchestration.pull.fhir_views import fhirpath as fp
from orchestration.pull.fhir_views.definition import (
    Column,
    Constant,
    InvalidViewError,
    Select,
    ViewDefinition,
    all_columns,
)
from orchestration.pull.fhir_views.dialect import DuckDb
from orchestration.pull.fhir_views.elements import elements, is_resource
from orchestration.pull.fhir_views.expressions import compile_path, member
from orchestration.pull.fhir_views.shape import Shape
from orchestration.pull.fhir_views.terms import Expr, Scope, condition, literal, value, values


@dataclass(frozen=True)
class OneRow:
    """Exactly one row: column name → SQL."""

    columns: Mapping[str, str]


@dataclass(frozen=True)
class ManyRows:
    """Any number of rows: the names of the columns, and SQL of a list of structs."""

    names: tuple[str, ...]
    sql: str


Rows = OneRow | ManyRows


@dataclass(frozen=True)
class CompiledView:
    """A view as SQL over a struct that holds what ``shape`` reads; ``types`` are the columns' SQL types, in order."""

    resource: str
    shape: Shape
    rows: Rows
    where: str
    types: Mapping[str, str]
    dialect: DuckDb

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(self.types)

    def query(self, documents: str, text: str, root: str, keys: Sequence[str] = ()) -> str:
        """Return the query over a relation ``documents`` whose column ``text`` holds one JSON document a row.

        ``keys`` are columns of ``documents`` that every row of the view keeps, before the view's own.
        """
        kept = "".join(f"{key}, " for key in keys)
        parsed = f"select {kept}{self.dialect.parse(text, self.shape)} as {root} from {documents}"
        is_wanted = f'{root}."resourceType" = {self.dialect.text(self.resource)} and ({self.where})'
        return self.select(f"({parsed})", is_wanted, keys)

    def select(self, parsed: str, is_wanted: str, keys: Sequence[str] = ()) -> str:
        """Return the query over a relation that holds the parsed struct already."""
        kept = "".join(f"{key}, " for key in keys)
        if isinstance(self.rows, OneRow):
            columns = ", ".join(f"{sql} as {self.dialect.column(n)}" for n, sql in self.rows.columns.items())
            return f"select {kept}{columns} from {parsed} where {is_wanted}"
        columns = ", ".join(self.dialect.field("one_row", n) for n in self.rows.names)
        rows = f"select {kept}unnest({self.rows.sql}) as one_row from {parsed} where {is_wanted}"
        return f"select {kept}{columns} from ({rows})"


def compile_view(view: ViewDefinition, root: str = "resource") -> CompiledView:
    """Compile a view; ``root`` names the struct in the SQL. Raises InvalidViewError."""
    if not is_resource(view.resource):
        raise InvalidViewError(f"{view.resource} is no FHIR R4 resource type")
    dialect = DuckDb()
    shape = Shape(view.resource)
    shape.child("resourceType", "code", False)
    constants = {constant.name: _constant(constant, dialect) for constant in view.constant}
    scope = Scope(dialect, Expr(root, view.resource, shape=shape), constants)
    rows = _product([_rows(select, scope) for select in view.select], scope)
    conditions = [condition(compile_path(where.path, scope), scope) for where in view.where]
    is_wanted = " and ".join(conditions) or "true"
    names = rows.columns if isinstance(rows, OneRow) else rows.names
    return CompiledView(view.resource, shape, rows, is_wanted, {n: scope.types[n] for n in names}, dialect)


def _constant(constant: Constant, dialect: DuckDb) -> Expr:
    fhir_type, stated = constant.value()
    return literal(fhir_type, str(stated).lower() if isinstance(stated, bool) else str(stated), dialect)


def _rows(select: Select, scope: Scope) -> Rows:
    """Rows of a select for the scope's element."""
    if select.repeat is not None:
        return _repeat(select, select.repeat, scope)
    if path := select.forEach or select.forEachOrNull:
        items = compile_path(path, scope)
        return _for_each(select, items, scope, or_null=select.forEachOrNull is not None)
    return _body(select, scope)


def _body(select: Select, scope: Scope) -> Rows:
    parts: list[Rows] = []
    if select.column:
        parts.append(OneRow(_distinct((column.name, _column(column, scope)) for column in select.column)))
    parts += [_rows(inner, scope) for inner in select.select]
    if select.unionAll:
        parts.append(_union([_rows(branch, scope) for branch in select.unionAll], scope))
    return _product(parts, scope)


def _column(column: Column, scope: Scope) -> str:
    expr = compile_path(column.path, scope)
    sql_type = column.sql_type or scope.dialect.sql_type(expr.fhir_type)
    scope.types[column.name] = sql_type + "[]" * column.collection
    if column.collection:
        return scope.dialect.or_empty(values(expr, scope))
    sql = value(expr, scope)
    return scope.dialect.cast(sql, column.sql_type) if column.sql_type else sql


def _for_each(select: Select, items: Expr, scope: Scope, or_null: bool) -> Rows:
    dialect = scope.dialect
    listed = items.sql if items.many else values(items, scope)
    if or_null:
        listed = dialect.or_null_item(listed)
    name, index = scope.fresh(), scope.fresh()
    body = _body(select, scope.within(replace(items, sql=name, many=False), f"({index} - 1)"))
    return _unroll(listed, name, index, body, dialect)


def _unroll(listed: str, name: str, index: str, body: Rows, dialect: DuckDb) -> ManyRows:
    if isinstance(body, OneRow):
        return ManyRows(tuple(body.columns), dialect.transform(listed, name, dialect.struct(body.columns), index))
    return ManyRows(body.names, dialect.flatten(dialect.transform(listed, name, body.sql, index)))


def _repeat(select: Select, paths: Sequence[str], scope: Scope) -> Rows:
    """Elements at any depth: kept as JSON while descending, parsed one by one for the columns."""
    dialect = scope.dialect
    starts = [found for path in paths if (found := _as_json(path, scope)) is not None]
    if not starts:
        return _no_rows(select, scope)
    fhir_type = starts[0].fhir_type
    node, index = scope.fresh(), scope.fresh()
    shape = Shape(fhir_type)
    body = _body(select, scope.within(Expr(node, fhir_type, shape=shape), f"({index} - 1)"))
    nodes = dialect.descend(dialect.concat([start.sql for start in starts]), [_json_path(path) for path in paths])
    raw = scope.fresh()
    return _unroll(dialect.transform(nodes, raw, dialect.parse(raw, shape)), node, index, body, dialect)


def _no_rows(select: Select, scope: Scope) -> Rows:
    """The columns of a select that can give no row, here because nothing of its path exists on this type."""
    names = tuple(column.name for column in all_columns([select]))
    scope.types.update(dict.fromkeys(names, "varchar"))
    none = scope.dialect.list_of(scope.dialect.struct(dict.fromkeys(names, "null")))
    return ManyRows(names, scope.dialect.filter(none, scope.fresh(), "false"))


def _as_json(path: str, scope: Scope) -> Expr | None:
    """The start of a descent along ``path``; None where the type has no such element (its children may)."""
    expr = scope.this
    for name in _names(path):
        if name not in elements(expr.fhir_type):
            return None
        expr = member(expr, name, scope)
    if expr.shape is None or not expr.many:
        raise InvalidViewError(f"repeat needs a repeating element, not {path}")
    if expr.shape.children:
        raise InvalidViewError(f"{path} is read both as a whole and by its parts")
    expr.shape.is_json = True
    return expr


def _json_path(path: str) -> str:
    return "$" + "".join(f".{name}[*]" for name in _names(path))


def _names(path: str) -> list[str]:
    node, names = fp.parse(path), []
    while isinstance(node, fp.Member):
        names.append(node.name)
        node = node.target
    if not isinstance(node, fp.This) or not names:
        raise InvalidViewError(f"repeat takes plain paths, not {path}")
    return names[::-1]


def _union(branches: Sequence[Rows], scope: Scope) -> Rows:
    listed = [_as_list(branch, scope.dialect) for branch in branches]
    if any(branch.names != listed[0].names for branch in listed):
        raise InvalidViewError("the branches of unionAll need the same columns in the same order")
    return ManyRows(listed[0].names, scope.dialect.concat([branch.sql for branch in listed]))


def _as_list(rows: Rows, dialect: DuckDb) -> ManyRows:
    if isinstance(rows, ManyRows):
        return rows
    return ManyRows(tuple(rows.columns), dialect.list_of(dialect.struct(rows.columns)))


def _product(parts: Sequence[Rows], scope: Scope) -> Rows:
    """Every combination of the parts' rows."""
    dialect = scope.dialect
    columns: list[tuple[str, str]] = []
    loops: list[tuple[str, str]] = []
    for part in parts:
        if isinstance(part, OneRow):
            columns += part.columns.items()
        else:
            name = scope.fresh()
            loops.append((name, part.sql))
            columns += [(column, dialect.field(name, column)) for column in part.names]
    distinct = _distinct(columns)
    if not loops:
        return OneRow(distinct)
    sql = dialect.struct(distinct)
    for depth, (name, listed) in enumerate(reversed(loops)):
        sql = dialect.transform(listed, name, sql)
        sql = dialect.flatten(sql) if depth else sql
    return ManyRows(tuple(distinct), sql)


def _distinct(columns: object) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, sql in columns:  # type: ignore[attr-defined]
        if name in found:
            raise InvalidViewError(f"two columns are named {name}")
        found[name] = sql
    return found
