"""Small cells: nothing hidden can be worked out, by any combination of totals, and no more is hidden than needed."""

from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from orchestration.publish.small_cells import Equation, Totals, derivable, hidden_cells, is_small

COUNTS = st.one_of(st.just(0), st.integers(1, 10), st.integers(11, 200))


def cube(cells: np.ndarray) -> tuple[np.ndarray, Totals]:
    """Return the cells of a table of any dimension with all its margins, and what adds up to what."""
    full = cells
    for axis in range(cells.ndim):
        full = np.concatenate([full, full.sum(axis=axis, keepdims=True)], axis=axis)
    number = np.arange(full.size).reshape(full.shape)
    equations = []
    for axis in range(full.ndim):
        for position in product(*(range(n) for i, n in enumerate(full.shape) if i != axis)):
            line = np.moveaxis(number, axis, -1)[position]
            equations.append(Equation(int(line[-1]), line[:-1]))
    return full.ravel().astype(float), Totals(full.size, equations)


def ranges(values: np.ndarray, hidden: np.ndarray, totals: Totals) -> dict[int, tuple[float, float]]:
    """Return what an attacker knows of each hidden cell: the least and the most it can be, by linear programming."""
    cells = np.flatnonzero(hidden)
    place = {cell: i for i, cell in enumerate(cells)}
    rows, known = [], []
    for equation in totals.equations:
        row, right = np.zeros(len(cells)), 0.0
        for cell in (*equation.parts, equation.total):
            sign = -1.0 if cell == equation.total else 1.0
            if hidden[cell]:
                row[place[cell]] += sign
            else:
                right -= sign * values[cell]
        if row.any():
            rows.append(row)
            known.append(right)
    found = {}
    for cell, i in place.items():
        goal = np.eye(len(cells))[i]
        low, high = (linprog(sign * goal, A_eq=rows or None, b_eq=known or None) for sign in (1, -1))
        found[cell] = (low.fun, np.inf if high.status == 3 else -high.fun)
    return found


@st.composite
def tables(draw: st.DrawFn) -> np.ndarray:
    shape = draw(st.sampled_from([(4,), (2, 3), (3, 3), (4, 5), (2, 2, 3)]))
    return np.array(draw(st.lists(COUNTS, min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))).reshape(shape)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables())
def test_no_hidden_count_follows_from_what_is_shown(table: np.ndarray):
    values, totals = cube(table)
    hidden = hidden_cells(values[:, None], totals)
    assert hidden[is_small(values)].all()
    assert not hidden[values == 0].any()
    for cell, (low, high) in ranges(values, hidden, totals).items():
        assert high - low > 0.5, f"cell {cell} of {values[cell]} is known"


@settings(max_examples=60, deadline=None)
@given(tables())
def test_what_a_shown_total_leaves_over_is_never_a_small_count(table: np.ndarray):
    values, totals = cube(table)
    hidden = hidden_cells(values[:, None], totals)
    for equation in totals.equations:
        if not hidden[equation.total]:
            left = values[equation.total] - values[equation.parts[~hidden[equation.parts]]].sum()
            assert left == 0 or left >= 11


@settings(max_examples=50, deadline=None)
@given(tables(), st.randoms(use_true_random=False))
def test_the_order_of_equations_does_not_matter_for_safety_and_the_result_is_repeatable(table: np.ndarray, random):
    values, totals = cube(table)
    first = hidden_cells(values[:, None], totals)
    assert (hidden_cells(values[:, None], totals) == first).all()
    shuffled = Totals(len(values), random.sample(totals.equations, len(totals.equations)))
    assert not derivable(hidden_cells(values[:, None], shuffled), shuffled).any()


def test_a_table_without_small_counts_is_shown_whole():
    values, totals = cube(np.array([[11, 30], [0, 400]]))
    assert not hidden_cells(values[:, None], totals).any()


def test_one_small_cell_takes_the_smallest_sufficient_companion():
    values, totals = cube(np.array([35, 5, 20, 90]))
    assert np.flatnonzero(hidden_cells(values[:, None], totals)).tolist() == [1, 2]


def test_two_small_cells_that_add_up_to_a_small_count_take_a_third():
    values, totals = cube(np.array([3, 4, 50, 60]))
    assert np.flatnonzero(hidden_cells(values[:, None], totals)).tolist() == [0, 1, 2]


def test_the_total_goes_where_no_other_part_is_left():
    values, totals = cube(np.array([[5, 0], [60, 70]]))
    hidden = hidden_cells(values[:, None], totals).reshape(3, 3)
    assert hidden[0, 0] and hidden[0, 2] and not hidden[0, 1]


def test_rows_minus_columns_is_found_where_every_line_hides_two():
    """Each row and column hides two cells or none, yet the first row less the first two columns gives cell (0, 2)."""
    hidden = np.zeros((6, 6), dtype=bool)
    for cell in [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (2, 2), (2, 3), (3, 2), (3, 3)]:
        hidden[cell] = True
    _, totals = cube(np.full((5, 5), 50))
    assert np.flatnonzero(derivable(hidden.ravel(), totals)).tolist() == [2]


def test_a_total_that_is_hidden_is_not_told_by_its_parts():
    """Parts that stay shown would add up to it."""
    equations = [Equation(0, np.array([1, 2])), Equation(3, np.array([0, 4]))]
    counts = np.array([[40.0], [15.0], [25.0], [45.0], [5.0]])
    hidden = hidden_cells(counts, Totals(len(counts), equations))
    assert hidden[[0, 4]].all()
    assert hidden[[1, 2]].any()


@pytest.mark.parametrize(("count", "small"), [(0, False), (1, True), (10, True), (10.5, True), (11, False), (-3, True)])
def test_what_counts_as_small(count: float, small: bool):
    assert is_small(np.array([count]))[0] == small


def test_a_large_table_with_many_small_cells_is_protected_in_seconds():
    random = np.random.default_rng(1)
    values, totals = cube(random.negative_binomial(1, 0.03, size=(60, 50)))
    hidden = hidden_cells(values[:, None], totals)
    assert not derivable(hidden, totals).any()


def test_the_audit_of_a_large_system_agrees_with_exact_ranks():
    """A cell follows exactly when its unit vector adds nothing to the rank of the equations."""
    random = np.random.default_rng(3)
    values, totals = cube(random.integers(11, 60, size=(18, 18)))
    hidden = random.random(len(values)) < 0.55
    place = np.cumsum(hidden) - 1
    system = np.zeros((len(totals.equations), int(hidden.sum())))
    for row, equation in enumerate(totals.equations):
        members = np.append(equation.parts, equation.total)
        members = members[hidden[members]]
        system[row, place[members]] = np.where(members == equation.total, -1, 1)
    rank = np.linalg.matrix_rank(system)
    unit = np.eye(system.shape[1])
    exact = [np.linalg.matrix_rank(np.vstack([system, row])) == rank for row in unit]
    found = derivable(hidden, totals)
    assert system.shape[1] > 150
    assert found[hidden].tolist() == exact
