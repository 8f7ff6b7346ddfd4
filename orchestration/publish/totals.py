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
#: Finer to coarser, in months: every month lies in one quarter, every quarter in one year.
GRAINS = {"month": 1, "quarter": 3, "year": 12}


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

    def reach(self, hierarchies: Sequence[Hierarchy]) -> frozenset[str]:
        """Return the dimensions whose member is known of every row: its own, and those that follow."""
        return self.dimensions | {h.parent for h in hierarchies if h.child in self.dimensions}


def equations(
    rows: pd.DataFrame, fixed: Sequence[str], dimensions: Sequence[str], hierarchies: Sequence[Hierarchy] = ()
) -> list[Equation]:
    """Return the totals among measure rows.

    Args:
        rows: measure rows: the columns named here, ``period_grain`` and ``period_start``.
        fixed: columns that rows of one table share, such as measure_id.
        dimensions: columns that read 'all' where a row is not grouped by them.
        hierarchies: dimensions that follow from others.
    """
    grouped = {name: (rows[name] != ALL).to_numpy() for name in dimensions}
    grouped = {name: mask for name, mask in grouped.items() if mask.any()}
    known = [h for h in hierarchies if h.child in grouped and h.parent in grouped]
    members = {name: rows[name] for name in [*fixed, *grouped]}
    for h in known:
        follows = ~grouped[h.parent] & grouped[h.child]
        members[h.parent] = members[h.parent].mask(follows, rows[h.child].map(dict(h.members)))
    codes = {name: pd.factorize(column)[0] for name, column in members.items()}
    starts = pd.to_datetime(rows["period_start"])
    month = (starts.dt.year * 12 + starts.dt.month - 1).to_numpy()
    found: list[Equation] = []
    for parts, total in _covers(_levels(rows["period_grain"].to_numpy(), grouped), known):
        keys = [month // GRAINS[total.grain], *(codes[name] for name in [*fixed, *sorted(total.dimensions)])]
        found.extend(_between(keys, parts.rows, total.rows))
    return found


def _levels(grains: np.ndarray, grouped: Mapping[str, np.ndarray]) -> list[_Level]:
    cut: np.ndarray = np.zeros(len(grains), dtype=np.int64)
    for position, mask in enumerate(grouped.values()):
        cut |= mask.astype(np.int64) << position
    levels = []
    for grain in GRAINS:
        of_grain = grains == grain
        for code in np.unique(cut[of_grain]):
            names = frozenset(name for position, name in enumerate(grouped) if code >> position & 1)
            levels.append(_Level(grain, names, np.flatnonzero(of_grain & (cut == code))))
    return levels


def _covers(levels: list[_Level], hierarchies: Sequence[Hierarchy]) -> list[tuple[_Level, _Level]]:
    """Return (parts, total) pairs of levels with none between them: the others follow from these."""

    def adds_up(fine: _Level, coarse: _Level) -> bool:
        if GRAINS[fine.grain] > GRAINS[coarse.grain] or not coarse.dimensions <= fine.reach(hierarchies):
            return False
        is_same_cut = fine.dimensions <= coarse.reach(hierarchies) and len(fine.dimensions) <= len(coarse.dimensions)
        return fine.grain != coarse.grain or not is_same_cut

    above = {i: {j for j, coarse in enumerate(levels) if adds_up(fine, coarse)} for i, fine in enumerate(levels)}
    return [
        (levels[fine], levels[coarse])
        for fine, totals in above.items()
        for coarse in sorted(totals)
        if not any(coarse in above[between] for between in totals - {coarse})
    ]


def _between(keys: list[np.ndarray], parts: np.ndarray, totals: np.ndarray) -> list[Equation]:
    """Return the equations of rows ``parts`` under rows ``totals`` that agree in all ``keys``."""
    key: np.ndarray = np.zeros(len(keys[0]), dtype=np.int64)
    for column in keys:
        shifted = column.astype(np.int64) - column.min()
        key = key * (shifted.max() + 1) + shifted
    order = totals[np.argsort(key[totals], kind="stable")]
    place = np.searchsorted(key[order], key[parts]).clip(max=len(order) - 1)
    agrees = key[order[place]] == key[parts]
    parts, place = parts[agrees], place[agrees]
    by_total = np.argsort(place, kind="stable")
    parts, place = parts[by_total], place[by_total]
    starts = np.flatnonzero(np.diff(place, prepend=-1))
    groups = zip(starts, np.split(parts, starts[1:]), strict=False)
    return [Equation(int(order[place[start]]), group) for start, group in groups]
