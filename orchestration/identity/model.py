"""Matching by probability: Splink on DuckDB, configured by the stewards' rules.

Belongs here: training a model (on demand, kept as JSON) and weighing pairs of records with it.
Does not belong: what a weight leads to (``matching``, ``grouping``). Splink takes seconds to import: only where used.
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from orchestration.identity.columns import BLOCKING_COLUMNS
from orchestration.identity.config import Comparison, Rules, RulesError

if TYPE_CHECKING:
    from splink import Linker

#: Random pairs from which u is estimated, and the seed of the sample.
SAMPLED_PAIRS, SEED = 2_000_000, 1

#: A level that the sample never showed is rare, not impossible.
LEAST_M, LEAST_U = 1e-3, 1e-6

_SIDE = re.compile(r"\b([lr])\.(\w+)")


@dataclass(frozen=True)
class TrainedModel:
    """Splink's settings with m and u, and the weight from which pairs join.

    The threshold suits the number of records the model was trained on and stays with it: people must not split merely
    because the data grew.
    """

    settings: dict[str, Any]
    threshold: float


def train_model(con: duckdb.DuckDBPyConnection, rules: Rules, labels: str) -> TrainedModel:
    """Train m and u on the table ``record`` and return the model.

    Args:
        con: connection with the tables ``record`` and ``labels``.
        rules: must have a ``model`` part.
        labels: table (rid_l, rid_r) of pairs taken as true, in practice those that trusted rules join. They set the
            prior, and m unless the rules name blockings for expectation maximisation (``em_blocking``).

    """
    model = rules.model
    if model is None:
        raise RulesError("the rules have no part `model`")
    add_blocking_keys(con, rules)
    linker = _linker(con, _settings(rules))
    linker.training.estimate_u_using_random_sampling(max_pairs=SAMPLED_PAIRS, seed=SEED)
    if model.em_blocking:
        for columns in model.em_blocking:
            equal = " and ".join(f"l.{column} = r.{column}" for column in columns)
            linker.training.estimate_parameters_using_expectation_maximisation(
                equal, estimate_without_term_frequencies=True, max_pairs=SAMPLED_PAIRS
            )
    else:
        linker.training.estimate_m_from_pairwise_labels(labels)
    trained = dict(linker.misc.save_model_to_json())
    pairs = con.execute(f"select count(*) from {labels}").fetchall()[0][0]
    records = con.execute("select count(*) from record").fetchall()[0][0]
    prior = pairs / model.trusted_recall / max(records * (records - 1) / 2, 1)
    trained["probability_two_random_records_match"] = min(max(prior, 1e-12), 0.5)
    for comparison in trained["comparisons"]:
        for level in comparison["comparison_levels"]:
            if not level.get("is_null_level"):
                level["m_probability"] = max(level.get("m_probability") or 0, LEAST_M)
                level["u_probability"] = max(level.get("u_probability") or 0, LEAST_U)
    return TrainedModel(trained, model.threshold(records))


def weigh_pairs(
    con: duckdb.DuckDBPyConnection, rules: Rules, model: TrainedModel, at_least: float, new_from: int | None = None
) -> None:
    """Create ``weighed(l, r, weight)``, ``l < r``: the blocked pairs of ``record`` of at least this match weight.

    With ``new_from`` only pairs of which one ``rid`` is at least that are weighed, and how rare a value is is counted
    over ``known`` and ``fresh``, of which ``record`` is a part.
    """
    add_blocking_keys(con, rules)
    settings = model.settings
    if new_from is not None:
        blockings = [
            {**rule, "blocking_rule": f"{rule['blocking_rule']} and (l.rid >= {new_from} or r.rid >= {new_from})"}
            for rule in settings["blocking_rules_to_generate_predictions"]
        ]
        settings = settings | {"blocking_rules_to_generate_predictions": blockings}
    linker = _linker(con, settings)
    if new_from is not None:
        _count_values_of_all(con, linker, settings)
    predicted = linker.inference.predict(threshold_match_weight=at_least, warning_mode="never")
    con.execute(
        f"""
        create or replace temp table weighed as
        select least(rid_l, rid_r)::integer as l, greatest(rid_l, rid_r)::integer as r, match_weight as weight
        from {predicted.physical_name}
        """
    )
    predicted.drop_table_from_database_and_remove_from_cache()


def _count_values_of_all(con: duckdb.DuckDBPyConnection, linker: Linker, settings: dict[str, Any]) -> None:
    """Register the frequencies of the values of ``record`` among all records."""
    levels = [level for comparison in settings["comparisons"] for level in comparison["comparison_levels"]]
    for column in sorted({level["tf_adjustment_column"] for level in levels if level.get("tf_adjustment_column")}):
        con.execute(
            f"""
            create or replace table frequency_{column} as
            with everybody as (select {column} from known union all by name select {column} from fresh)
            select {column}, count(*)::double / (select count({column}) from everybody) as tf_{column}
            from everybody where {column} in (select {column} from record) group by {column}
            """
        )
        frequencies = linker._db_api.register(f"frequency_{column}")
        linker.table_management.register_term_frequency_lookup(frequencies, column)


def save_model(model: TrainedModel, folder: Path) -> Path:
    """Write a model as the next version in ``<identity folder>/models``; returns its path."""
    folder = folder / "models"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{max(_versions(folder), default=0) + 1:04d}.json"
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(model), indent=1, sort_keys=True))
    temporary.replace(path)
    return path


def newest_model(folder: Path) -> TrainedModel | None:
    """Return the newest model of an identity folder, None before the first training."""
    versions = _versions(folder / "models")
    if not versions:
        return None
    return TrainedModel(**json.loads((folder / "models" / f"{max(versions):04d}.json").read_text()))


def _versions(folder: Path) -> list[int]:
    return [int(path.stem) for path in folder.glob("*.json") if path.stem.isdigit()]


def add_blocking_keys(con: duckdb.DuckDBPyConnection, rules: Rules) -> None:
    """Add a column ``block_<i>`` to ``record`` per blocking rule: a hash of its columns, null in blocks beyond bounds.

    So pairs grow with records, not with their square, whatever a shared value does; and equal integers join faster.
    """
    assert rules.model is not None  # noqa: S101 - callers checked
    keys = {}
    for i, columns in enumerate(rules.model.blocking):
        parts = [BLOCKING_COLUMNS.get(column, column) for column in columns]
        present = " and ".join(f"({part}) is not null" for part in parts)
        keys[f"block_{i}"] = f"case when {present} then hash({', '.join(parts)}) end"
    hashed = ", ".join(f"{key} as {name}" for name, key in keys.items())
    con.execute(f"create or replace temp table keyed as select *, {hashed} from record")
    bounded = []
    for name in keys:
        con.execute(
            f"create or replace temp table beyond_{name} as select {name} from keyed where {name} is not null "
            f"group by {name} having count(*) > {rules.max_block}"
        )
        bounded.append(f"case when {name} not in (from beyond_{name}) then {name} end as {name}")
    con.execute(f"create or replace table splink_record as select * replace ({', '.join(bounded)}) from keyed")
    con.execute("drop table keyed")


def _linker(con: duckdb.DuckDBPyConnection, settings: Any) -> Linker:
    from splink import DuckDBAPI, Linker

    return Linker(DuckDBAPI(con).register("splink_record"), settings, log_level=logging.ERROR)


def _settings(rules: Rules) -> dict[str, Any]:
    assert rules.model is not None  # noqa: S101 - callers checked
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "rid",
        "sql_dialect": "duckdb",
        "blocking_rules_to_generate_predictions": [
            {"blocking_rule": f"l.block_{i} = r.block_{i}", "sql_dialect": "duckdb"}
            for i in range(len(rules.model.blocking))
        ],
        "comparisons": [_comparison(comparison, rules) for comparison in rules.model.comparisons],
        "additional_columns_to_retain": [],
        "retain_intermediate_calculation_columns": False,
        "retain_matching_columns": False,
    }


def _comparison(comparison: Comparison, rules: Rules) -> dict[str, Any]:
    """Return a comparison as Splink writes it: ``l.given`` becomes ``given_l``."""
    levels: list[dict[str, Any]] = [
        {"sql_condition": _sides(rules.sql(comparison.missing)), "label_for_charts": "missing", "is_null_level": True}
    ]
    for level in comparison.levels:
        entry: dict[str, Any] = {"sql_condition": _sides(rules.sql(level.when)), "label_for_charts": level.label}
        if level.term_frequency:
            entry |= {"tf_adjustment_column": level.term_frequency, "tf_adjustment_weight": 1.0}
        levels.append(entry)
    levels.append({"sql_condition": "ELSE", "label_for_charts": "different"})
    return {"output_column_name": comparison.name, "comparison_levels": levels}


def _sides(condition: str) -> str:
    return _SIDE.sub(r"\2_\1", condition)
