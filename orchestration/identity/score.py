"""Scores of matching on a labelled file: the same path as a night's, without state.

Belongs here: reading labelled files and their column maps, running rules, model and clustering on them.
Does not belong: the measures themselves (``metrics``).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import yaml

from orchestration.identity.columns import RECORD_COLUMNS
from orchestration.identity.config import RULES_FILE, RulesError, load_rules
from orchestration.identity.grouping import group_records
from orchestration.identity.matching import find_model_edges, find_trusted_edges, label_trusted_pairs
from orchestration.identity.metrics import attachment, cluster_scores, merged_household_pairs
from orchestration.identity.model import train_model
from orchestration.identity.records import load_records
from orchestration.identity.timing import timed
from orchestration.lake.duck import connect, quote
from orchestration.settings import DBT_PROJECT

PLACEHOLDERS = DBT_PROJECT / "seeds" / "identity_placeholders.csv"

#: SQL over a labelled file, by column of `identity_records`; entries whose columns the file lacks count as null.
DEFAULT_COLUMNS: dict[str, str] = {
    "source_system": "case when source like 'ehr%' then 'ehr' else source end",
    "source_record_id": "rid",
    "mrn_system": "mrn_sys",
    "mrn": "mrn",
    "given": "first",
    "family": "last",
    "suffix": "suffix",
    "birth_date": "dob",
    "sex": "sex",
    "phone": "phone",
    "email": "email",
    "address": "addr",
    "zip": "zip",
    "ssn4": "ssn4",
    "subscriber_id": "left(member, 9)",
    "dependent_code": "nullif(substr(member, 10), '')",
    "guarantor_id": "guarantor",
    "household": "hid",
    "twin": "twin = 1",
    "true_given": "tfirst",
    "true_family": "tlast",
    "true_birth": "tdob",
}
_TRUTH_COLUMNS = {
    "household": "varchar",
    "twin": "boolean",
    "true_given": "varchar",
    "true_family": "varchar",
    "true_birth": "varchar",
}


@dataclass(frozen=True)
class ColumnMap:
    """How a labelled file is read, and which entries of the rules it needs otherwise."""

    columns: dict[str, str]
    rules: dict[str, Any]


def read_map(path: Path | None) -> ColumnMap:
    """Read ``{columns: {...}, rules: {...}}``; both may be missing. Raises RulesError on anything else."""
    if path is None:
        return ColumnMap(DEFAULT_COLUMNS, {})
    content = yaml.safe_load(path.read_text()) or {}
    unknown = sorted(set(content) - {"columns", "rules"})
    if unknown:
        raise RulesError(f"{path.name}: unknown entries {unknown}; known are columns and rules")
    return ColumnMap(content.get("columns", DEFAULT_COLUMNS), content.get("rules", {}))


def score(files: list[Path], truth: str, column_map: ColumnMap) -> dict[str, Any]:
    """Match labelled files and return scores and seconds per stage.

    Args:
        files: one or two CSV or Parquet files; with two, records of different files are linked as well as within.
        truth: the column (or entry of the map) that names the true person.
        column_map: how columns are read.

    """
    rules = load_rules(RULES_FILE, column_map.rules)
    seconds: dict[str, float] = {}
    with connect() as con:
        with timed(seconds, "read"):
            _read(con, files, truth, column_map.columns)
            identities = load_records(con, "truth_record", rules)
        with timed(seconds, "rules"):
            find_trusted_edges(con, rules)
        if rules.model:
            with timed(seconds, "train"):
                label_trusted_pairs(con)
                model = train_model(con, rules, "labels")
            with timed(seconds, "model"):
                find_model_edges(con, rules, model)
        with timed(seconds, "cluster"):
            grouping = group_records(con, rules, [])
        con.execute(
            "create or replace temp table result as select truth_record.*, clustered.cluster from truth_record "
            "inner join identity using (source_system, source_record_id) inner join clustered using (rid)"
        )
        scores: dict[str, Any] = {"records": identities} | cluster_scores(con, "result")
        scores |= merged_household_pairs(con, "result") | attachment(con, "result")
        scores |= {"ambiguous_records": grouping.ambiguous_records, "refused_edges": grouping.refused_edges}
    return scores | {"seconds": seconds}


def _read(con: duckdb.DuckDBPyConnection, files: list[Path], truth: str, columns: dict[str, str]) -> None:
    """Create ``truth_record``: the columns of `identity_records`, truth and what else is known of the true persons."""
    con.execute("create or replace temp table delivered as " + " union all by name ".join(map(_relation, files)))
    wanted = RECORD_COLUMNS | _TRUTH_COLUMNS
    extra = {name: "varchar" for name in columns if name not in wanted and name not in ("truth", truth)}
    fields = {name: _field(con, columns.get(name), kind) for name, kind in (wanted | extra).items()}
    fields["source_system"] = f"coalesce({fields['source_system']}, 'file')"
    fields["truth"] = f"({columns.get(truth, truth)})::varchar"
    select = ", ".join(f"{sql} as {name}" for name, sql in fields.items())
    con.execute(f"create or replace temp table truth_record as select {select} from delivered")
    with PLACEHOLDERS.open() as file:
        for row in csv.DictReader(file):
            con.execute(
                f"update truth_record set {row['field']} = null where lower({row['field']}) = ?", [row["value"]]
            )


def _field(con: duckdb.DuckDBPyConnection, expression: str | None, kind: str) -> str:
    """Return the SQL of a field, null where the file has not the columns for it."""
    if expression is None:
        return f"null::{kind}"
    try:
        con.execute(f"select {expression} from delivered limit 0").fetchall()
    except duckdb.BinderException:
        return f"null::{kind}"
    return f"({expression})::{kind}"


def _relation(path: Path) -> str:
    if path.suffix == ".parquet":
        return f"select *, {quote(path.stem)} as file_name from read_parquet({quote(path)})"
    delivered = f"read_csv({quote(path)}, all_varchar = true)"
    return f"select trim(columns(*)), {quote(path.stem)} as file_name from {delivered}"
