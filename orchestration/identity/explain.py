"""Why two source identities are, or are not, one person: weights per field, vetoes and a waterfall picture.

Belongs here: explaining one pair. Does not belong: deciding about it. Internal only: a picture of who matches whom is
protected health information even without a name on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import accumulate
from math import log2
from pathlib import Path
from typing import Any

import duckdb

from orchestration.identity.config import Rules, shipped_rules
from orchestration.identity.decisions import Key
from orchestration.identity.model import TrainedModel, newest_model
from orchestration.identity.records import RecordsError, load_records, read_parquet
from orchestration.lake.duck import connect


@dataclass(frozen=True)
class FieldWeight:
    """What one field says: the level of agreement and its match weight (log2 odds)."""

    field: str
    level: str
    weight: float


@dataclass(frozen=True)
class Explanation:
    """Everything that speaks for and against a pair; no values of the records."""

    same_content: bool
    rules: list[str]
    vetoes: list[str]
    weights: list[FieldWeight]  # the prior first; empty without a model
    threshold: float | None

    @property
    def total(self) -> float:
        """The pair's match weight."""
        return sum(part.weight for part in self.weights)


def explain(records: Path, folder: Path, a: Key, b: Key, *, rules: Rules | None = None) -> Explanation:
    """Explain a pair by tonight's records and the newest model. Raises RecordsError if one is not among them."""
    rules = rules or shipped_rules()
    model = newest_model(folder)
    with connect() as con:
        load_records(con, read_parquet(records), rules)
        left, right = (_record_of(con, key) for key in (a, b))
        con.execute(f"create temp view pair_l as select * from record where rid = {left}")
        con.execute(f"create temp view pair_r as select * from record where rid = {right}")
        held = [
            rule.name
            for rule in rules.trusted_rules
            if _holds(con, " and ".join([*(f"l.{key} = r.{key}" for key in rule.keys), f"({rules.sql(rule.when)})"]))
        ]
        vetoes = [veto.name for veto in rules.vetoes if _holds(con, rules.sql(veto.when))]
        weights = _weights(con, model) if model else []
    return Explanation(left == right, held, vetoes, weights, model.threshold if model else None)


def _record_of(con: duckdb.DuckDBPyConnection, key: Key) -> int:
    found = con.execute(
        "select rid from identity where source_system = ? and source_record_id = ?", list(key)
    ).fetchall()
    if not found:
        raise RecordsError(f"no identity of source {key[0]} has that id tonight")
    return int(found[0][0])


def _holds(con: duckdb.DuckDBPyConnection, condition: str) -> bool:
    return bool(con.execute(f"select coalesce({condition}, false) from pair_l l, pair_r r").fetchall()[0][0])


def _weights(con: duckdb.DuckDBPyConnection, model: TrainedModel) -> list[FieldWeight]:
    """Return the prior and each comparison's weight, term frequencies included, as the model weighs them."""
    prior = model.settings["probability_two_random_records_match"]
    parts = [FieldWeight("prior", "two random records", log2(prior / (1 - prior)))]
    columns = [row[0] for row in con.execute("describe record").fetchall()]
    sides = ", ".join(f"l.{name} as {name}_l, r.{name} as {name}_r" for name in columns)
    con.execute(f"create temp table pair as select {sides} from pair_l l, pair_r r")
    for comparison in model.settings["comparisons"]:
        level = next(level for level in comparison["comparison_levels"] if _is_level(con, level["sql_condition"]))
        weight = _level_weight(con, comparison, level)
        parts.append(FieldWeight(comparison["output_column_name"], level["label_for_charts"], weight))
    return parts


def _is_level(con: duckdb.DuckDBPyConnection, condition: str) -> bool:
    if condition == "ELSE":
        return True
    return bool(con.execute(f"select coalesce({condition}, false) from pair").fetchall()[0][0])


def _level_weight(con: duckdb.DuckDBPyConnection, comparison: dict[str, Any], level: dict[str, Any]) -> float:
    if level.get("is_null_level"):
        return 0.0
    weight = log2(level["m_probability"] / level["u_probability"])
    column = level.get("tf_adjustment_column")
    if column:
        frequency = con.execute(
            f"select count(*) filter ({column} = (select {column}_l from pair)) / count({column}) from record"
        ).fetchall()[0][0]
        weight += log2(level["u_probability"] / frequency)
    return weight


_ROW, _LABEL, _WIDTH = 26, 300, 760
_FOR, _AGAINST = "#2f7d4f", "#b23b3b"


def waterfall_svg(explanation: Explanation) -> str:
    """Return a waterfall of the weights as SVG without scripts or outside references."""
    ends = list(accumulate((part.weight for part in explanation.weights), initial=0.0))
    rows = [
        (f"{part.field}: {part.level}", start, part.weight)
        for part, start in zip(explanation.weights, ends, strict=False)
    ]
    rows.append(("match weight", 0.0, explanation.total))
    scale = (_WIDTH - _LABEL - 70) / max(max(ends) - min(ends), 1.0)
    bars = [
        _bar(6 + i * _ROW, label, weight, _LABEL + (min(start, start + weight) - min(ends)) * scale, scale)
        for i, (label, start, weight) in enumerate(rows)
    ]
    height = _ROW * len(bars) + 12
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" font-family="sans-serif" '
        f'font-size="13" role="img"><title>Weights for and against one person</title>{"".join(bars)}</svg>'
    )


def _bar(top: int, label: str, weight: float, left: float, scale: float) -> str:
    width = max(abs(weight) * scale, 1.0)
    return (
        f'<text x="{_LABEL - 8}" y="{top + 15}" text-anchor="end">{escape(label)}</text>'
        f'<rect x="{left:.1f}" y="{top + 3}" width="{width:.1f}" height="{_ROW - 8}" '
        f'fill="{_FOR if weight >= 0 else _AGAINST}"/>'
        f'<text x="{left + width + 5:.1f}" y="{top + 15}">{weight:+.1f}</text>'
    )
