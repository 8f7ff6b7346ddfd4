"""Small cells: which cells of a table of counts to hide so that none can be worked out from those that stay.

Belongs here: the rule (MEASURES.md section 6) and the algorithm, on plain arrays. Does not belong: what a cell is
called or where its totals stand (``totals``), how a hidden cell looks when published (``safe_harbor``).

The rule: a count of 1-10 is hidden, 0 may be shown, and nothing hidden follows from totals or percentages.
The algorithm, given which cells add up to which total:

1. *Primary*: hide each cell that shows a small count (its own, or its complement).
2. *Complementary*, per total: while the hidden parts of a shown total are one cell alone, or add up to a small count
   (what "total minus the shown parts" would reveal), hide the smallest further part that mends it; where no part is
   left, hide the total. A hidden total needs a hidden part, or its parts would add up to it.
3. *Audit*: totals together can tell what none tells alone (rows minus columns). Each hidden cell must be free to vary
   within all equations at once; one that is not gets company, and step 2 runs again.

Hidden cells are never 0, so a cell that is free to vary in the equations is so among non-negative counts as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse.linalg import lsmr

LARGEST_HIDDEN = 10

Mask: TypeAlias = npt.NDArray[np.bool_]
Counts: TypeAlias = npt.NDArray[np.float64]
Rows: TypeAlias = npt.NDArray[np.int64]

_FREE = 1e-6
#: Cells x equations up to which solving directly is the faster way.
_LARGEST_DENSE = 40_000


@dataclass(frozen=True)
class Equation:
    """The cell ``total`` is the sum of the cells ``parts`` (positions in the table)."""

    total: int
    parts: Rows


class Totals:
    """The equations among the cells of one table, as matrices of equations x cells."""

    def __init__(self, n_cells: int, equations: Sequence[Equation]) -> None:
        self.equations = equations
        self.total = np.array([equation.total for equation in equations], dtype=np.int64)
        shape = (len(equations), n_cells)
        lengths = [len(equation.parts) for equation in equations]
        columns = np.concatenate([np.empty(0, np.int64), *(equation.parts for equation in equations)])
        starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        #: 1 where a cell is a part of an equation
        self.parts = sparse.csr_matrix((np.ones(len(columns)), columns, starts), shape=shape)
        ones = np.ones(len(equations))
        #: 1 a part, -1 the total: the product with the cells' values is 0
        self.balance = self.parts - sparse.csr_matrix((ones, (np.arange(len(equations)), self.total)), shape=shape)
        self._by_cell = self.balance.tocsc()

    def members(self, equation: int) -> Rows:
        """Return the cells of an equation, its total among them."""
        start, end = self.balance.indptr[equation : equation + 2]
        return self.balance.indices[start:end]

    def equations_of(self, cell: int) -> Rows:
        """Return the equations that a cell is in."""
        start, end = self._by_cell.indptr[cell : cell + 2]
        return self._by_cell.indices[start:end]


def is_small(counts: Counts) -> Mask:
    """True for counts that may not be shown: 1 to 10; fractions of a weight count as what they round up to."""
    magnitude = np.abs(np.nan_to_num(counts))
    small: Mask = (magnitude > 0) & (magnitude < LARGEST_HIDDEN + 1)
    return small


def hidden_cells(counts: Counts, totals: Totals, hidden: Mask | None = None) -> Mask:
    """Return which cells to hide.

    Args:
        counts: cells x kinds; every count that a cell shows or gives away (numerator, complement, denominator). The
            last kind is the cell's size: smaller cells are sacrificed first, and a cell of size 0 never is.
        totals: which cells add up to which.
        hidden: cells hidden already for another reason.

    Returns:
        A mask of cells, all primary and complementary ones; which is which stays untold.
    """
    table = _Table(np.nan_to_num(counts), totals)
    mask = is_small(counts).any(axis=1)
    if hidden is not None:
        mask |= hidden
    while True:
        table.settle(mask)
        exposed = derivable(mask, totals, table.size)
        company = {c for cell in np.flatnonzero(exposed) if (c := table.company(int(cell), mask)) is not None}
        if not company:
            return mask
        mask[list(company)] = True


class _Table:
    """The counts of cells beside their totals; hides cells in a mask that it is given."""

    def __init__(self, counts: Counts, totals: Totals) -> None:
        self.counts = counts
        self.size: Counts = np.abs(counts[:, -1])
        self.totals = totals

    def settle(self, hidden: Mask) -> None:
        """Hide cells until every equation is protected on its own."""
        while len(unprotected := self._unprotected(hidden)):
            for number in unprotected:
                while (cell := self._next_to_hide(self.totals.equations[number], hidden)) is not None:
                    hidden[cell] = True

    def _unprotected(self, hidden: Mask) -> Rows:
        """Return the equations that call for another hidden cell (``_next_to_hide`` for all of them at once)."""
        parts, total_is_hidden = self.totals.parts, hidden[self.totals.total]
        n_hidden = parts @ hidden.astype(float)
        n_shown = parts @ (~hidden & (self.size > 0)).astype(float)
        reveals_small = is_small(parts @ (self.counts * hidden[:, None])).any(axis=1)
        is_told_by_parts = total_is_hidden & (n_hidden == 0) & (n_shown > 0)
        tells_parts = ~total_is_hidden & ((n_hidden == 1) | ((n_hidden > 1) & reveals_small))
        return np.flatnonzero(is_told_by_parts | tells_parts)

    def _next_to_hide(self, equation: Equation, hidden: Mask) -> int | None:
        """Return the cell that brings an equation nearer to protection, None where it is protected."""
        parts = equation.parts[hidden[equation.parts]]
        shown = equation.parts[~hidden[equation.parts] & (self.size[equation.parts] > 0)]
        if hidden[equation.total]:
            return None if len(parts) or not len(shown) else int(shown[np.argmin(self.size[shown])])
        revealed = self.counts[parts].sum(axis=0)
        if not len(parts) or (len(parts) > 1 and not is_small(revealed).any()):
            return None
        if not len(shown):
            return equation.total
        mends = ~is_small(revealed + self.counts[shown]).any(axis=1)
        pool = shown[mends] if mends.any() else shown
        return int(pool[np.argmin(self.size[pool])])

    def company(self, cell: int, hidden: Mask) -> int | None:
        """Return the smallest shown cell that shares an equation with ``cell``, or with one of its neighbours."""
        near = {cell}
        for _ in range(2):
            near |= {int(m) for c in near for e in self.totals.equations_of(c) for m in self.totals.members(e)}
            shown = np.array(sorted(c for c in near if not hidden[c] and self.size[c] > 0), dtype=np.int64)
            if len(shown):
                return int(shown[np.argmin(self.size[shown])])
        return None


def derivable(hidden: Mask, totals: Totals, size: Counts | None = None) -> Mask:
    """Return the hidden cells whose value follows from the shown ones by any combination of the equations.

    A cell follows exactly when every solution of the homogeneous system is 0 there. One random vector, projected onto
    those solutions, is 0 at such cells and (almost surely) nowhere else. Where cells of known ``size`` (all positive)
    are themselves such a solution, nothing follows: nothing shown is among them.
    """
    result: Mask = np.zeros(len(hidden), dtype=bool)
    unknowns = np.flatnonzero(hidden)
    system = totals.balance[:, unknowns]
    system = system[system.getnnz(axis=1) > 0]
    if not system.nnz:
        return result
    links = sparse.bmat([[None, system], [system.T, None]])
    _, component = csgraph.connected_components(links, directed=False)
    random = np.random.default_rng(20240229)
    for label in np.unique(component[: system.shape[0]]):
        rows = np.flatnonzero(component[: system.shape[0]] == label)
        cells = np.flatnonzero(component[system.shape[0] :] == label)
        part = system[rows][:, cells]
        is_tree = part.nnz == len(rows) + len(cells) - 1
        if is_tree and part.getnnz(axis=1).min() > 1:
            continue  # in a tree every cell can vary against a leaf of another branch
        if size is not None and not (part @ size[unknowns[cells]]).any():
            continue
        start = random.standard_normal(len(cells))
        weights = _least_squares(part.T, start)
        result[unknowns[cells]] = np.abs(start - part.T @ weights) < _FREE
    return result


def _least_squares(system: sparse.csr_matrix, target: Counts) -> Counts:
    """Return the solution for a component: directly where it is small, step by step where it is not."""
    if system.shape[0] * system.shape[1] <= _LARGEST_DENSE:
        weights: Counts = np.linalg.lstsq(system.toarray(), target, rcond=None)[0]
    else:
        weights = lsmr(system, target, atol=1e-12, btol=1e-12, maxiter=20 * system.shape[0])[0]
    return weights
