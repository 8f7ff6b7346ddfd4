"""The de-identified schema: measure marts with their small cells hidden, and reference tables.

Belongs here: which columns may leave and how a hidden cell looks. Does not belong: which cells are hidden
(``small_cells``), persons (``persons``).

Allow-list: a measure mart leaves when it carries the measure columns of MEASURES.md and every column that tells its
rows apart is known here; a statistic that is not known is left out; anything else stays in ``limited``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd

from orchestration.publish.small_cells import Counts, Mask, Totals, hidden_cells, is_small
from orchestration.publish.totals import Hierarchy, equations

Z_95 = 1.959963984540054

#: What every measure row carries, and therefore how a measure mart is recognised.
MEASURE_COLUMNS = ("measure_id", "period_grain", "period_start", "grouping_set", "numerator", "denominator", "value")
#: Columns that tell rows of a measure mart apart. None of them names a person.
KEYS = (
    *("measure_id", "spec_version", "period_grain", "period_start", "period_end", "is_period_complete"),
    *("grouping_set", "wait_type", "unit", "drug_class", "instrument_version", "item_id"),
)
#: Dimensions; a row that is not grouped by one reads 'all' there.
DIMENSIONS = (
    *("department_id", "sub_sector", "service_line", "location_id", "provider_id", "agent_id", "channel"),
    *("generation", "sex", "race", "ethnicity", "language", "payer", "disability", "chronic_conditions", "rurality"),
)
STATISTICS = ("numerator", "denominator", "n_cases", "value", "p90")
INTERVAL = ("ci_low", "ci_high")
#: Counts beside the measure, protected each for itself.
ASIDE = ("excluded_n", "missing_n", "censored_n")
FLAGS = ("suppressed", "suppression_reason")
#: Tables about the organisation, with the columns that leave.
REFERENCE = {
    "dim_department": (
        *("department_id", "department_name", "facility_id", "facility_name", "sub_sector", "service_line"),
    )
}
HIDDEN = "small_cells"


@dataclass(frozen=True)
class MeasureMart:
    """A measure mart that may leave: its relation and the columns that do."""

    name: str
    relation: str
    keys: tuple[str, ...]
    dimensions: tuple[str, ...]
    numbers: tuple[str, ...]


def is_measure_mart(columns: Mapping[str, str]) -> bool:
    """True for a mart of measure rows at grouping sets; a mart of persons with such columns is none."""
    return set(MEASURE_COLUMNS) <= set(columns)


def measure_mart(
    con: duckdb.DuckDBPyConnection, name: str, relation: str, columns: Mapping[str, str]
) -> MeasureMart | str:
    """Return how a measure mart leaves, or why it does not.

    Args:
        con: connection that reads the mart.
        name: the mart.
        relation: its qualified name.
        columns: its columns and their SQL types.
    """
    known = {*KEYS, *DIMENSIONS, *STATISTICS, *INTERVAL, *ASIDE, *FLAGS}
    telling = [column for column, kind in columns.items() if column not in known and not _is_number(column, kind)]
    if telling:
        return f"columns not known to be safe: {', '.join(sorted(telling))}"
    mart = MeasureMart(
        name=name,
        relation=relation,
        keys=tuple(column for column in columns if column in KEYS),
        dimensions=tuple(column for column in columns if column in DIMENSIONS),
        numbers=tuple(column for column in columns if column in {*STATISTICS, *INTERVAL, *ASIDE}),
    )
    cells = f"select 1 from {relation} group by {', '.join([*mart.keys, *mart.dimensions])} having count(*) > 1"
    is_told_apart = con.execute(f"select not exists ({cells})").fetchall()[0][0]
    return mart if is_told_apart else "rows are not told apart by columns known to be safe"


def hierarchies(con: duckdb.DuckDBPyConnection, departments: str | None) -> list[Hierarchy]:
    """Return the dimensions that follow from a department, read from the mart dim_department where there is one."""
    if departments is None:
        return []
    found = []
    for parent in ("sub_sector", "service_line"):
        members = con.execute(f"select department_id, coalesce({parent}, 'unknown') from {departments}").fetchall()
        found.append(Hierarchy("department_id", parent, dict(members)))
    return found


def suppressed(
    con: duckdb.DuckDBPyConnection, mart: MeasureMart, kinds: Mapping[str, str], known: Sequence[Hierarchy]
) -> str:
    """Return the query of a measure mart with its small cells hidden (a temporary table of ``con``).

    Args:
        con: connection that reads the mart.
        mart: the mart.
        kinds: measure_id -> proportion | nps | mean | ratio | quantile; unknown ones are taken for proportions, which
            hides most.
        known: hierarchies between dimensions.
    """
    names = [*mart.keys, *mart.dimensions]
    con.execute(
        f"create or replace temp table numbered as "
        f"select row_number() over (order by {', '.join(names)}) - 1 as row_number, * from {mart.relation}"
    )
    rows = con.execute("select * from numbered order by row_number").df()
    masks = _masks(rows, mart, rows["measure_id"].map(dict(kinds)).fillna("proportion"), known)
    con.register("hidden", pd.DataFrame(masks).assign(row_number=rows["row_number"]))
    result = f'"safe_{mart.name}"'
    con.execute(f"""
        create or replace temp table {result} as
        select {", ".join(f"numbered.{name}" for name in names)},
            {", ".join(_shown(name) for name in mart.numbers)},
            hidden.measure as suppressed,
            case when hidden.measure or hidden.interval then '{HIDDEN}'
                else numbered.suppression_reason end as suppression_reason
        from numbered
        inner join hidden on numbered.row_number = hidden.row_number
    """)
    con.unregister("hidden")
    return f"select * from {result}"


def _shown(name: str) -> str:
    mask = name if name in ASIDE else "interval" if name in INTERVAL else "measure"
    return f"case when not hidden.{mask} then numbered.{name} end as {name}"


def _masks(rows: pd.DataFrame, mart: MeasureMart, kinds: pd.Series, known: Sequence[Hierarchy]) -> dict[str, Mask]:
    """Return per group of columns the rows in which it is hidden."""
    fixed = [name for name in mart.keys if name in {"measure_id", "wait_type", "unit", "drug_class", "item_id"}]
    totals = Totals(len(rows), equations(rows, fixed, mart.dimensions, known))
    measure = hidden_cells(_measure_counts(rows, kinds), totals)
    interval = measure
    if set(INTERVAL) <= set(mart.numbers):
        answers = _answer_counts(rows, kinds)
        if (is_small(answers).any(axis=1) & ~measure).any():
            interval = hidden_cells(answers, totals, hidden=measure)
    masks = {"measure": measure, "interval": interval}
    for name in ASIDE:
        if name in mart.numbers:
            masks[name] = hidden_cells(_column(rows, name)[:, None], totals)
    return masks


def _measure_counts(rows: pd.DataFrame, kinds: pd.Series) -> Counts:
    """Return numerator, complement and size of each row, 0 where a kind of measure does not count by it."""
    size = _column(rows, "n_cases" if "n_cases" in rows else "denominator")
    numerator, denominator = _column(rows, "numerator"), _column(rows, "denominator")
    counts_cases = kinds.isin(["proportion", "ratio"]).to_numpy()
    has_complement = kinds.isin(["proportion", "nps"]).to_numpy()
    shown_cases = np.where(counts_cases, numerator, 0)
    complement = np.where(has_complement, denominator - np.abs(numerator), 0)
    counts: Counts = np.column_stack([shown_cases, complement, size])
    return counts


def _answer_counts(rows: pd.DataFrame, kinds: pd.Series) -> Counts:
    """Return promoters, passives and detractors that the interval of an NPS gives away beside its value and n."""
    n, net = _column(rows, "denominator"), _column(rows, "numerator")
    with np.errstate(invalid="ignore", divide="ignore"):
        error = (_column(rows, "ci_high") - _column(rows, "value")) / 100 / Z_95
        decided = np.round((error * n) ** 2 + net**2 / n)
    is_nps = (kinds == "nps").to_numpy() & (n > 0)
    answers = np.column_stack([(decided + net) / 2, n - decided, (decided - net) / 2, n])
    given_away: Counts = np.where(is_nps[:, None], answers, 0.0)
    return given_away


def _column(rows: pd.DataFrame, name: str) -> Counts:
    values: Counts = rows[name].astype("float64").fillna(0.0).to_numpy()
    return values


def _is_number(name: str, kind: str) -> bool:
    numeric = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UBIGINT", "FLOAT", "DOUBLE", "DECIMAL")
    return kind.upper().startswith(numeric) and not name.endswith(("_id", "_key"))
