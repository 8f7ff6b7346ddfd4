"""Cases: the rows that dbt exported for statistics, one outcome and one exposure at a time.

Belongs here: reading, choosing rows, sampling whole persons. Does not belong: models (``regression``) or SQL (dbt).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from orchestration.statistics.declarations import Cases, Declarations, Exposure, Family, Outcome

PERSON = "person_key"
#: Segment of all cases.
ALL = "all"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Segment:
    """A part of the cases: one value of one dimension, or all of them."""

    dimension: str
    value: str


def read_cases(exchange: Path, cases: Cases, columns: Iterable[str]) -> pd.DataFrame:
    """Return the named columns of an exported file in its order; texts become categories (null: ``unknown``)."""
    table = pq.read_table(exchange / f"{cases.file}.parquet", columns=sorted(set(columns)))
    frame: pd.DataFrame = table.to_pandas()
    for field in table.schema:
        if str(field.type) in {"string", "large_string"}:
            frame[field.name] = frame[field.name].fillna(UNKNOWN).astype("category")
    return frame


def family_columns(declared: Declarations, family: Family) -> set[str]:
    """Return every column that a family's exposures, outcomes, segments and adjustment read."""
    cases = declared.cases[family.cases]
    outcomes = [declared.outcomes[name] for name in (*family.outcomes, *family.rates)]
    return {
        PERSON,
        *family.segments,
        *cases.spline,
        *cases.linear,
        *cases.factors,
        *(declared.exposures[name].column for name in family.exposures),
        *(outcome.column for outcome in outcomes),
        *(outcome.event for outcome in outcomes if outcome.event),
    }


def outcome_values(frame: pd.DataFrame, outcome: Outcome) -> pd.Series:
    """Return an outcome as numbers (binary: 1.0 or 0.0; survival: days); missing stays missing."""
    values = _numbers(frame[outcome.column])
    return values if outcome.at_least is None else (values >= outcome.at_least).astype(float).where(values.notna())


def pair_cases(frame: pd.DataFrame, exposure: Exposure, outcome: Outcome) -> pd.DataFrame:
    """Return the cases in which exposure and outcome are known, with columns ``x``, ``y`` (and ``event``) added."""
    added = {"x": _numbers(frame[exposure.column]), "y": outcome_values(frame, outcome)}
    if outcome.event:
        added["event"] = _numbers(frame[outcome.event])
    pairs = frame.assign(**added)
    return pairs[pairs[list(added)].notna().all(axis=1)]


def segments(frame: pd.DataFrame, dimensions: Iterable[str]) -> Iterator[tuple[Segment, pd.DataFrame]]:
    """Yield all cases, then each value of each dimension in name order (``unknown`` is a value of its own)."""
    yield Segment(ALL, ALL), frame
    for dimension in dimensions:
        for value, rows in sorted(frame.groupby(dimension, observed=True), key=lambda item: str(item[0])):
            yield Segment(dimension, str(value)), rows


def sample_persons(frame: pd.DataFrame, max_cases: int) -> pd.DataFrame:
    """Return about ``max_cases`` cases at most: whole persons, chosen by a hash that is the same in every home."""
    if len(frame) <= max_cases:
        return frame
    categories = frame[PERSON].cat
    hashes = pd.util.hash_array(np.asarray(categories.categories, dtype=object))
    share = (hashes / np.float64(2**64))[categories.codes]
    chosen: pd.DataFrame = frame[share < max_cases / len(frame)]
    return chosen


def _numbers(column: pd.Series) -> pd.Series:
    return pd.to_numeric(column.astype("Float64"), errors="raise").astype(float)
