"""The tables that statistics hand back to dbt: columns, order and rounding.

Belongs here: Parquet schemas and writing. Does not belong: any number's meaning (the marts' YAML describes them).

Numbers keep nine significant digits: what lies behind them depends on the machine's arithmetic, and equal data should
give equal tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Row = dict[str, Any]

#: Statistics over 1 to 10 cases are hidden (MEASURES section 6).
HIDDEN_BELOW = 11
SIGNIFICANT_DIGITS = 9

_TEXT, _NUMBER, _COUNT, _DAY = pa.string(), pa.float64(), pa.int64(), pa.date32()
_MONEY, _FLAG = pa.decimal128(18, 2), pa.bool_()


def _columns(**groups: str) -> pa.Schema:
    """Return a schema from ``type="name name ..."`` groups."""
    types = {"text": _TEXT, "number": _NUMBER, "count": _COUNT, "day": _DAY, "money": _MONEY, "flag": _FLAG}
    return pa.schema([(name, types[kind]) for kind, names in groups.items() for name in names.split()])


TABLES: dict[str, pa.Schema] = {
    "dose_response": _columns(
        text="spec_version family cases exposure exposure_unit outcome segment_dimension segment band "
        "suppression_reason",
        count="band_order n events n_all_bands",
        number="above up_to rate ci_low ci_high trend_z trend_p_value spearman spearman_p_value kendall_tau_b "
        "kendall_p_value",
        flag="suppressed",
    ),
    "associations": _columns(
        text="spec_version family cases exposure exposure_unit outcome outcome_unit segment_dimension segment "
        "effect_measure direction status reason model",
        number="exposure_step crude_effect crude_ci_low crude_ci_high crude_p_value effect ci_low ci_high p_value "
        "q_value e_value e_value_limit",
        count="n n_persons n_events n_fitted",
    ),
    "effects": _columns(
        text="spec_version kind intervention phase outcome outcome_unit design departments status reason model "
        "p_method",
        day="effective_on",
        number="effect ci_low ci_high p_value q_value slope_change slope_ci_low slope_ci_high slope_p_value "
        "pretrend_slope pretrend_p_value mean_before mean_after",
        flag="pretrend_holds",
        count="n_departments n_controls n_before n_after n_cases",
    ),
    "revenue_at_risk": _columns(
        text="spec_version component department_id status reason method",
        day="period_start period_end",
        count="n_events n_recovered n_open n_lost n_priced",
        money="amount ci_low ci_high",
        flag="suppressed",
    ),
}
KEYS: dict[str, tuple[str, ...]] = {
    "dose_response": ("family", "exposure", "outcome", "segment_dimension", "segment", "band_order"),
    "associations": ("family", "exposure", "outcome", "segment_dimension", "segment"),
    "effects": ("kind", "intervention", "phase", "effective_on", "outcome", "design"),
    "revenue_at_risk": ("component", "period_start", "department_id"),
}


def path_of(exchange: Path, table: str) -> Path:
    """Return where a table is handed back."""
    return exchange / f"statistics_{table}.parquet"


def write(exchange: Path, table: str, rows: Sequence[Mapping[str, Any]], version: str) -> int:
    """Write a table in the order of its key, whole or not at all; returns its rows. No rows is a table without rows.

    Raises:
        KeyError: a row has a column that the table does not know.
    """
    schema, keys = TABLES[table], KEYS[table]
    for row in rows:
        if unknown := sorted(set(row) - set(schema.names)):
            raise KeyError(f"{table}: unknown columns {unknown}")
    ordered = sorted(rows, key=lambda row: tuple(row[key] for key in keys))
    columns = [
        pa.array([version if name == "spec_version" else _rounded(row.get(name)) for row in ordered], type=kind)
        for name, kind in zip(schema.names, schema.types, strict=True)
    ]
    target = path_of(exchange, table)
    scratch = target.with_suffix(".writing")
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), scratch, compression="zstd")
    scratch.replace(target)
    return len(ordered)


def money(amount: float) -> Decimal:
    """Return an amount in cents precision."""
    return Decimal(f"{amount:.2f}")


def _rounded(value: Any) -> str | int | float | bool | date | Decimal | None:
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
    shown: str | int | bool | date | Decimal | None = value
    return shown
