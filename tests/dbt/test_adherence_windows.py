"""Adherence over any windows against a pill box: a stock per ingredient, filled on its day, one taken a day."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import duckdb
import pytest

from tests.dbt.measure_cases import Case, compiled, measured, rows_by

pytestmark = pytest.mark.dbt

FIRST_DAY = date(2025, 1, 1)
# Two statins, and days of the year: whole, halves, in the middle of therapy, one day, a first day without a fill.
SIMVASTATIN, ATORVASTATIN = "312961", "617310"
WINDOWS = {"year": (0, 364), "spring": (90, 180), "short": (100, 129), "one": (200, 200), "late": (181, 364)}
WINDOW_ROWS = " union all ".join(
    f"select person_id, 'statins' as drug_class, '{name}' as window_id, date '2025-01-01' + {first} as window_start, "
    f"date '2025-01-01' + {last} as window_end from marts.dim_person"
    for name, (first, last) in WINDOWS.items()
)

MACRO_CALLS = ("adherence_in_windows('windows')", "adherence_in_windows('windows', carry_in=true)")
NEXT_QUERY = "\n-- the next query\n"


@dataclass
class Therapy:
    """A person's fills (day, days of supply, drug), and the days spent as an inpatient."""

    fills: list[tuple[int, int, str]] = field(default_factory=list)
    stayed: set[int] = field(default_factory=set)


def _therapy(random_numbers: random.Random) -> Therapy:
    told = Therapy()
    for _ in range(random_numbers.randint(1, 14)):
        drug = random_numbers.choice((SIMVASTATIN, SIMVASTATIN, ATORVASTATIN))
        told.fills.append((random_numbers.randint(-60, 364), random_numbers.choice((7, 14, 30, 30, 60, 90)), drug))
    if random_numbers.random() < 0.4:
        start = random_numbers.randint(0, 340)
        told.stayed = set(range(start, start + random_numbers.randint(1, 20)))
    return told


THERAPIES = [_therapy(random.Random(seed)) for seed in range(120)]  # noqa: S311 a repeatable draw, no secret


def _pill_box(therapy: Therapy, first: int, last: int, carry_in: bool) -> tuple[int, int, int] | None:
    """Days counted, covered and supplied in a window; None where nothing was filled and nothing carries in."""
    inside = [fill for fill in therapy.fills if first <= fill[0] <= last]
    if not carry_in and not inside:
        return None
    begins = first if carry_in else min(day for day, _, _ in inside)
    used = [fill for fill in therapy.fills if fill[0] <= last] if carry_in else inside
    stock = dict.fromkeys((SIMVASTATIN, ATORVASTATIN), 0)
    counted = covered = 0
    for day in range(-60, last + 1):
        for filled, supply, drug in used:
            if filled == day:
                stock[drug] += supply
        if day in therapy.stayed:
            continue
        is_covered = any(stock.values())
        stock = {drug: max(pills - 1, 0) for drug, pills in stock.items()}
        if day >= begins:
            counted += 1
            covered += is_covered
    return counted, covered, sum(supply for _, supply, _ in inside)


@pytest.fixture(scope="module")
def adherence(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, dict[tuple[int, str], Any]]:
    """What the project says of every person and window, without and with supply carried in."""
    case = Case()
    for number, therapy in enumerate(THERAPIES):
        patient = case.person(number)
        for day, supply, drug in therapy.fills:
            case.fill(patient, (FIRST_DAY + timedelta(days=day)).isoformat(), supply, drug)
        if therapy.stayed:
            admitted, home = min(therapy.stayed), max(therapy.stayed) + 1
            moments = (f"{FIRST_DAY + timedelta(days=day)} 15:00" for day in (admitted, home))
            case.encounter(patient, *moments, "IMP")
    folder = tmp_path_factory.mktemp("windows")
    with measured(case, folder, "medication_adherence", "persistence"):
        pass
    asked = [f"with windows as ({WINDOW_ROWS}), {{{{ {call} }}}} select * from adherence" for call in MACRO_CALLS]
    queries = compiled(folder, NEXT_QUERY.join(asked)).split(NEXT_QUERY)
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as warehouse:
        answers = [rows_by(warehouse, query) for query in queries]
    return {
        carry_in: {(row["person_id"], row["window_id"]): row for row in rows}
        for carry_in, rows in zip((False, True), answers, strict=True)
    }


@pytest.mark.parametrize("carry_in", [False, True])
def test_windows(adherence: dict[bool, dict[tuple[int, str], Any]], carry_in: bool) -> None:
    """Every person in every window, to the day."""
    for number, therapy in enumerate(THERAPIES):
        for name, (first, last) in WINDOWS.items():
            found = adherence[carry_in].get((number, name))
            expected = _pill_box(therapy, first, last, carry_in)
            seen = found and (found["counted_days"], found["covered_days"], found["days_supplied"])
            assert seen == expected, (number, name)


def test_gaps_fill_the_uncovered_days(adherence: dict[bool, dict[tuple[int, str], Any]]) -> None:
    """There is a gap where a day is not covered, and none is longer than all of them."""
    for rows in adherence.values():
        for row in rows.values():
            uncovered = row["counted_days"] - row["covered_days"]
            assert (row["n_gaps"] > 0) == (uncovered > 0), row
            assert uncovered / max(row["n_gaps"], 1) <= row["longest_gap_days"] <= uncovered, row
