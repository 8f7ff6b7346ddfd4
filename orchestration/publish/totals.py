"""Totals: which measure rows add up to which other ones.

Belongs here: grouping sets, periods and known hierarchies as equations. Does not belong: what is hidden
(``small_cells``).

A row stands at a *level*: its period grain and the dimensions it is grouped by (the others read 'all'). Rows of one
level add up to the rows of every coarser one: fewer dimensions, a longer period, or a dimension that follows from one
of theirs (a department lies in one sub-sector). Measures that count persons do not add up exactly; treating them as
if they did hides more, never less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestration.publish.small_cells import Equation

ALL = "all"
#: Finer to coarser; every month lies in one quarter, every quarter in one year.
GRAINS = {"month": "M", "quarter": "Q", "year": "Y"}


@dataclass(frozen=True)
class Hierarchy:
    """Members of ``child`` lie each in one member of ``parent``: a department in its sub-sector."""

    child: str
    parent: str
    members: Mapping[str, str]


@dataclass(frozen=True)
class _Level:
    grain: str
    dimensions: frozenset[str]
    rows: np.ndarray


def equations(
    rows: pd.DataFrame, fixed: Sequence[str], dimensions: Sequence[str], hierarchies: Sequence[Hierarchy] = ()
) -> list[Equation]:
    """Return the totals among measure rows.

    Args:
        rows: measure rows (default index): the columns named here, ``period_grain`` and ``period_start``.
        fixed: columns that rows of one table share, such as measure_id.
        dimensions: columns that read 'all' where a row is not grouped by them.
        hierarchies: dimensions that follow from others.
    """
    placed = rows.reset_index(drop=True)
    used = [column for column in dimensions if (placed[column] != ALL).any()]
    hierarchies = [h for h in hierarchies if h.child in used and h.parent in used]
    levels = _levels(placed, used)
    for hierarchy in hierarchies:
        follows = (placed[hierarchy.parent] == ALL) & (placed[hierarchy.child] != ALL)
        placed.loc[follows, hierarchy.parent] = placed.loc[follows, hierarchy.child].map(hierarchy.members)
    for code in GRAINS.values():
        placed[f"in_{code}"] = pd.to_datetime(placed["period_start"]).dt.to_period(code).dt.start_time
    found: list[Equation] = []
    for parts, total in _covers(levels, hierarchies):
        keys = [*fixed, *sorted(total.dimensions), f"in_{GRAINS[total.grain]}"]
        found.extend(_between(placed, parts.rows, total.rows, keys))
    return found


def _levels(rows: pd.DataFrame, dimensions: list[str]) -> list[_Level]:
    grouped = rows[dimensions] != ALL
    code = grouped.to_numpy() @ (1 << np.arange(len(dimensions), dtype=np.int64)) if dimensions else np.zeros(len(rows))
    levels = []
    for (grain, _), part in rows.groupby([rows["period_grain"], code], sort=True):
        names = frozenset(name for name in dimensions if grouped.at[part.index[0], name])
        levels.append(_Level(str(grain), names, part.index.to_numpy()))
    return levels


def _covers(levels: list[_Level], hierarchies: Sequence[Hierarchy]) -> list[tuple[_Level, _Level]]:
    """Return (parts, total) pairs of levels with none between them: the others follow from these."""
    order = list(GRAINS)

    def below(fine: _Level, coarse: _Level) -> bool:
        if fine is coarse or fine.grain not in order or coarse.grain not in order:
            return False
        reach = fine.dimensions | {h.parent for h in hierarchies if h.child in fine.dimensions}
        back = coarse.dimensions | {h.parent for h in hierarchies if h.child in coarse.dimensions}
        is_same_cut = fine.dimensions <= back and len(fine.dimensions) <= len(coarse.dimensions)
        if fine.grain == coarse.grain and is_same_cut:
            return False
        return coarse.dimensions <= reach and order.index(fine.grain) <= order.index(coarse.grain)

    pairs = [(fine, coarse) for fine in levels for coarse in levels if below(fine, coarse)]
    known = {(id(fine), id(coarse)) for fine, coarse in pairs}
    return [
        (fine, coarse)
        for fine, coarse in pairs
        if not any((id(fine), id(mid)) in known and (id(mid), id(coarse)) in known for mid in levels)
    ]


def _between(rows: pd.DataFrame, parts: np.ndarray, totals: np.ndarray, keys: list[str]) -> list[Equation]:
    left = rows.loc[parts, keys].assign(part=parts)
    right = rows.loc[totals, keys].assign(total=totals)
    pairs = left.merge(right, on=keys).sort_values(["total", "part"])
    total, part = pairs["total"].to_numpy(), pairs["part"].to_numpy()
    starts = np.flatnonzero(np.diff(total, prepend=-1))
    return [Equation(int(total[i]), members) for i, members in zip(starts, np.split(part, starts[1:]), strict=False)]
