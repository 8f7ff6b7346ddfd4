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

from collections import deque
from dataclasses import dataclass
from functools import cached_property
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

_DENSE_CELLS = 150
_FREE = 1e-6


@dataclass(frozen=True)
class Equation:
    """The cell ``total`` is the sum of the cells ``parts`` (positions in the table)."""

    total: int
    parts: Rows

    @cached_property
    def members(self) -> Rows:
        """Total and parts."""
        return np.append(self.parts, self.total)


def is_small(counts: Counts) -> Mask:
    """True for counts that may not be shown: 1 to 10; fractions of a weight count as what they round up to."""
    magnitude = np.abs(np.nan_to_num(counts))
    small: Mask = (magnitude > 0) & (magnitude < LARGEST_HIDDEN + 1)
    return small


def hidden_cells(counts: Counts, equations: list[Equation], hidden: Mask | None = None) -> Mask:
    """Return which cells to hide.

    Args:
        counts: cells x kinds; every count that a cell shows or gives away (numerator, complement, denominator). The
            last kind is the cell's size: smaller cells are sacrificed first, and a cell of size 0 never is.
        equations: the totals among the cells.
        hidden: cells hidden already for another reason.

    Returns:
        A mask of cells, all primary and complementary ones; which is which stays untold.
    """
    counts = np.nan_to_num(counts)
    table = _Table(counts, equations)
    mask = is_small(counts).any(axis=1)
    if hidden is not None:
        mask |= hidden
    waiting = {int(e) for cell in np.flatnonzero(mask) for e in table.equations_of[cell]}
    while True:
        table.settle(mask, deque(sorted(waiting)))
        exposed = derivable(mask, equations)
        company = {c for cell in np.flatnonzero(exposed) if (c := table.company(int(cell), mask)) is not None}
        if not company:
            return mask
        mask[list(company)] = True
        waiting = {int(e) for cell in company for e in table.equations_of[cell]}


class _Table:
    """Counts and equations, with the equations of each cell at hand."""

    def __init__(self, counts: Counts, equations: list[Equation]) -> None:
        self.counts = counts
        self.size = np.abs(counts[:, -1])
        self.equations = equations
        self.equations_of: list[list[int]] = [[] for _ in range(len(counts))]
        for number, equation in enumerate(equations):
            for cell in equation.members:
                self.equations_of[cell].append(number)

    def settle(self, hidden: Mask, waiting: deque[int]) -> None:
        """Hide cells until every equation is protected on its own; changes ``hidden``."""
        while waiting:
            equation = self.equations[waiting.popleft()]
            while (cell := self._next_to_hide(equation, hidden)) is not None:
                hidden[cell] = True
                waiting.extend(self.equations_of[cell])

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
            near |= {int(m) for c in near for e in self.equations_of[c] for m in self.equations[e].members}
            shown = np.array(sorted(c for c in near if not hidden[c] and self.size[c] > 0), dtype=np.int64)
            if len(shown):
                return int(shown[np.argmin(self.size[shown])])
        return None


def derivable(hidden: Mask, equations: list[Equation]) -> Mask:
    """Return the hidden cells whose value follows from the shown ones by any combination of the equations.

    A cell follows exactly when every solution of the homogeneous system is 0 there. One random vector, projected onto
    those solutions, is 0 at such cells and (almost surely) nowhere else.
    """
    result: Mask = np.zeros(len(hidden), dtype=bool)
    unknowns = np.flatnonzero(hidden)
    system = _system(hidden, unknowns, equations)
    n_equations = system.shape[0]
    if n_equations == 0:
        return result
    linked = sparse.bmat([[None, system], [system.T, None]])
    _, component = csgraph.connected_components(linked, directed=False)
    random = np.random.default_rng(20240229)
    for label in np.unique(component[:n_equations]):
        rows = np.flatnonzero(component[:n_equations] == label)
        cells = np.flatnonzero(component[n_equations:] == label)
        part = system[rows][:, cells]
        is_tree = part.nnz == len(rows) + len(cells) - 1
        if is_tree and part.getnnz(axis=1).min() > 1:
            continue  # in a tree every cell can vary against a leaf of another branch
        result[unknowns[cells[~_free(part, random)]]] = True
    return result


def _system(hidden: Mask, unknowns: Rows, equations: list[Equation]) -> sparse.csr_matrix:
    """Return the equations over hidden cells only: +1 a part, -1 the total."""
    position = np.full(len(hidden), -1)
    position[unknowns] = np.arange(len(unknowns))
    rows, columns, signs, n_rows = [], [], [], 0
    for equation in equations:
        members = equation.members[hidden[equation.members]]
        if len(members):
            rows.append(np.full(len(members), n_rows))
            columns.append(position[members])
            signs.append(np.where(members == equation.total, -1.0, 1.0))
            n_rows += 1
    if not n_rows:
        return sparse.csr_matrix((0, len(unknowns)))
    entries = (np.concatenate(signs), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.csr_matrix(entries, shape=(n_rows, len(unknowns)))


def _free(system: sparse.csr_matrix, random: np.random.Generator) -> Mask:
    """Return the unknowns that differ between solutions of ``system @ x = constant``."""
    start = random.standard_normal(system.shape[1])
    if system.shape[1] <= _DENSE_CELLS:
        weights = np.linalg.lstsq(system.T.toarray(), start, rcond=None)[0]
    else:
        weights = lsmr(system.T, start, atol=1e-12, btol=1e-12, maxiter=20 * system.shape[1])[0]
    free: Mask = np.abs(start - system.T @ weights) > _FREE
    return free
