"""Which measure rows add up to which."""

import pandas as pd

from orchestration.publish.totals import Hierarchy, equations

DIMENSIONS = ["department_id", "sub_sector", "generation"]


def rows_of(*rows: tuple[str, str, str, str, str]) -> pd.DataFrame:
    """Rows of grain, start and the three dimensions."""
    frame = pd.DataFrame(rows, columns=["period_grain", "period_start", *DIMENSIONS])
    return frame.assign(measure_id="CSAT")


def totals_of(frame: pd.DataFrame, hierarchies=()) -> dict[int, list[int]]:
    found = equations(frame, ["measure_id"], DIMENSIONS, hierarchies)
    return {equation.total: equation.parts.tolist() for equation in found}


def test_departments_add_up_to_the_whole():
    frame = rows_of(
        ("year", "2024-01-01", "all", "all", "all"),
        ("year", "2024-01-01", "a", "all", "all"),
        ("year", "2024-01-01", "unknown", "all", "all"),
        ("year", "2025-01-01", "a", "all", "all"),
    )
    assert totals_of(frame) == {0: [1, 2]}


def test_months_add_up_to_their_quarter_and_quarters_to_their_year():
    frame = rows_of(
        ("month", "2024-01-01", "all", "all", "all"),
        ("month", "2024-03-01", "all", "all", "all"),
        ("month", "2024-04-01", "all", "all", "all"),
        ("quarter", "2024-01-01", "all", "all", "all"),
        ("quarter", "2024-04-01", "all", "all", "all"),
        ("year", "2024-01-01", "all", "all", "all"),
    )
    assert totals_of(frame) == {3: [0, 1], 4: [2], 5: [3, 4]}


def test_months_add_up_to_a_year_where_no_quarter_stands_between():
    frame = rows_of(("month", "2024-02-01", "a", "all", "all"), ("year", "2024-01-01", "a", "all", "all"))
    assert totals_of(frame) == {1: [0]}


def test_departments_add_up_to_their_sub_sector_though_no_column_says_so():
    frame = rows_of(
        ("year", "2024-01-01", "all", "primary", "all"),
        ("year", "2024-01-01", "all", "urgent", "all"),
        ("year", "2024-01-01", "a", "all", "all"),
        ("year", "2024-01-01", "b", "all", "all"),
        ("year", "2024-01-01", "c", "all", "all"),
        ("year", "2024-01-01", "all", "all", "all"),
    )
    lies_in = Hierarchy("department_id", "sub_sector", {"a": "primary", "b": "primary", "c": "urgent"})
    assert totals_of(frame, [lies_in]) == {0: [2, 3], 1: [4], 5: [0, 1]}


def test_crossed_rows_add_up_to_each_of_their_margins():
    frame = rows_of(
        ("year", "2024-01-01", "a", "all", "x"),
        ("year", "2024-01-01", "a", "all", "y"),
        ("year", "2024-01-01", "b", "all", "x"),
        ("year", "2024-01-01", "a", "all", "all"),
        ("year", "2024-01-01", "b", "all", "all"),
        ("year", "2024-01-01", "all", "all", "x"),
        ("year", "2024-01-01", "all", "all", "y"),
    )
    assert totals_of(frame) == {3: [0, 1], 4: [2], 5: [0, 2], 6: [1]}


def test_measures_never_add_up_to_one_another():
    frame = rows_of(("year", "2024-01-01", "all", "all", "all"), ("year", "2024-01-01", "a", "all", "all"))
    frame.loc[1, "measure_id"] = "NPS"
    assert totals_of(frame) == {}
