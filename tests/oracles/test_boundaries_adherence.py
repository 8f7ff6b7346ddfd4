"""PDC at the edges of its rule, against the worked cases of `oracles/boundaries`."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.dbt.measure_cases import Case, measured, rows_by

pytestmark = [pytest.mark.dbt, pytest.mark.reference]

LISINOPRIL, LOSARTAN = "314076", "979480"


def cases(reference: Path, name: str) -> list[dict[str, str]]:
    with (reference / "oracles" / "boundaries" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def day(number: int) -> str:
    """Day 1 is 1 March 2025."""
    return (date(2025, 3, 1) + timedelta(days=number - 1)).isoformat()


@dataclass(frozen=True)
class Worked:
    """The cases of each file, and what medication_adherence says of each person."""

    files: dict[str, list[dict[str, str]]]
    found: dict[int, Mapping[str, Any]]


STAYS, ELIGIBILITY, THRESHOLD = 100, 300, 400


@pytest.fixture(scope="module")
def worked(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Worked:
    """All cases built at once; a case's person is the file's number plus its place."""
    names = ("pdc_inpatient_stay", "pdc_eligibility", "pdc_threshold")
    files = {name: cases(reference, name) for name in names}
    case = Case()
    for number, row in enumerate(files["pdc_inpatient_stay"]):
        _add_stay_case(case, STAYS + 2 * number, row, stayed=False)
        _add_stay_case(case, STAYS + 2 * number + 1, row, stayed=True)
    for number, row in enumerate(files["pdc_eligibility"]):
        ends_early = row["treatment_end"] != "2025-12-31"
        patient = case.person(ELIGIBILITY + number, deceased_on=row["treatment_end"] if ends_early else None)
        for fill in row["fill_dates"].split(";"):
            filled, _, drug = fill.partition(" ")
            case.fill(patient, filled, 30, LOSARTAN if drug == "B" else LISINOPRIL)
    for number, row in enumerate(files["pdc_threshold"]):
        days = int(row["days"])
        last = date(2025, 1, 1) + timedelta(days=days - 1)
        patient = case.person(THRESHOLD + number, deceased_on=last.isoformat() if days < 365 else None)
        case.fill(patient, "2025-01-01", 1)
        case.fill(patient, "2025-01-02", int(row["covered"]) - 1)
    with measured(case, tmp_path_factory.mktemp("adherence"), "medication_adherence") as warehouse:
        found = rows_by(warehouse, "select * from marts.medication_adherence")
    return Worked(files, {row["person_id"]: row for row in found})


def _add_stay_case(case: Case, person: int, row: Mapping[str, str], stayed: bool) -> None:
    patient = case.person(person, deceased_on=day(int(row["period_days"])))
    for fill in row["fills_day:supply"].split():
        filled, _, supply = fill.partition(":")
        case.fill(patient, day(int(filled)), int(supply))
    if stayed:
        # The discharge day is no stay day: discharged on the morning after the last one.
        first, _, last = row["stay_days"].partition("-")
        case.encounter(patient, f"{day(int(first))} 15:00", f"{day(int(last) + 1)} 15:00", "IMP")


def test_inpatient_stays_move_supply_and_leave_the_period(worked: Worked) -> None:
    for number, row in enumerate(worked.files["pdc_inpatient_stay"]):
        for stayed, suffix in ((0, "before"), (1, "after")):
            result = worked.found[STAYS + 2 * number + stayed]
            expected = (int(row[f"covered_{suffix}"]), int(row[f"days_{suffix}"]))
            assert (result["numerator"], result["denominator"]) == expected, (row["case"], suffix)
            assert result["value"] == pytest.approx(float(row[f"pdc_{suffix}"]), abs=5e-7)


def test_who_is_in_the_measure(worked: Worked) -> None:
    for number, row in enumerate(worked.files["pdc_eligibility"]):
        result = worked.found[ELIGIBILITY + number]
        assert (result["treatment_days"], int(result["is_eligible"]), result["treatment_start"].isoformat()) == (
            int(row["treatment_days"]),
            int(row["eligible"]),
            row["index_date"],
        ), row["case"]
        assert result["excluded_n"] == 1 - int(row["eligible"])


def test_eighty_percent_is_not_rounded(worked: Worked) -> None:
    for number, row in enumerate(worked.files["pdc_threshold"]):
        result = worked.found[THRESHOLD + number]
        assert (result["numerator"], result["denominator"]) == (int(row["covered"]), int(row["days"]))
        assert result["value"] == pytest.approx(float(row["pdc"]), abs=1e-9)
        assert int(result["is_adherent"]) == int(row["adherent"])
