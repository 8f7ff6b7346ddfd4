"""The worked cases of small cells and Safe Harbor (oracles/boundaries), through the code that publishes."""

import csv
from pathlib import Path

import duckdb
import numpy as np
import pytest

from orchestration.publish.persons import age_group, safe_harbor_persons, year, zip3
from orchestration.publish.safe_harbor import DIMENSIONS, KEYS, REFERENCE, STATISTICS
from orchestration.publish.small_cells import Equation, Totals, hidden_cells, is_small
from orchestration.settings import DBT_PROJECT

SMALL_AREAS = f"select zip3 from read_csv('{DBT_PROJECT}/seeds/zip3_small_population.csv', all_varchar = true)"
#: How the oracle words a field that has to go, and what such a column could be called.
REMOVED = ("mrn", "url", "ip", "device", "license", "account", "claim", "phone", "free text", "email", "identifier")


def cases(reference: Path, name: str) -> list[dict[str, str]]:
    with (reference / "oracles" / "boundaries" / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def value_of(expression: str, value: object) -> object:
    return duckdb.execute(f"select {expression} from (select ? as given)", [value]).fetchall()[0][0]


def shown(counts: list[list[float]], equations: list[Equation] | None = None) -> list[bool]:
    return (~hidden_cells(np.array(counts, dtype=float), Totals(len(counts), equations or []))).tolist()


def test_small_cells(reference: Path):
    """Cells are (numerator, complement, denominator)."""
    total = [Equation(2, np.array([0, 1]))]
    answers = {
        "total 40 = 35 + 5": shown([[35.0], [5.0], [40.0]], total)[1],
        "12.5% of 40": shown([[5, 35, 40]])[0],
        "numerator 3 of 200": shown([[3, 197, 200]])[0],
        "197 of 200": shown([[197, 3, 200]])[0],
    }
    checked = 0
    for case in cases(reference, "suppression"):
        may_be_shown = answers[case["n"]] if case["n"] in answers else not is_small(np.array([float(case["n"])]))[0]
        assert may_be_shown == (case["publish_count"] == "1"), case["n"]
        checked += 1
    assert checked == 8
    assert shown([[35.0], [5.0], [40.0]], total) == [False, False, True]  # company, not the part alone


@pytest.mark.parametrize("column", ["zip", "age", "service_date"])
def test_safe_harbor_fields(reference: Path, column: str):
    matching = [case for case in cases(reference, "safe_harbor") if case["field"] == column]
    assert matching
    for case in matching:
        if column == "zip":
            found = value_of(zip3("given", SMALL_AREAS), case["value"])
        elif column == "service_date":
            found = str(value_of(year("given::date"), case["value"]))
        else:
            group = str(value_of(age_group("given::integer"), case["value"]))
            found = group if int(case["value"]) > 89 else case["value"]
            assert group == ("90+" if int(case["value"]) > 89 else "80-89")
        assert found == case["expected"], case["value"]


def test_a_birth_date_beyond_89_years_leaves_neither_year_nor_date(reference: Path):
    [case] = [case for case in cases(reference, "safe_harbor") if case["field"].startswith("birth_date")]
    with duckdb.connect() as con:
        con.execute(
            "create table persons as select 1 as person_id, ?::date as birth_date, 1933 as birth_year, 'Silent' as "
            "generation, 'female' as sex, null as race, null as ethnicity, null as language, '90210' as postal_code, "
            "'902' as zip3, false as is_deceased, null::date as deceased_on, null::timestamp as first_seen_at, "
            "true as has_ehr",
            [case["value"]],
        )
        con.execute("create table keys as select 1 as person_id, 77 as person_key")
        query = safe_harbor_persons("persons", "keys", "date '2025-06-30'", SMALL_AREAS)
        row = dict(zip([d[0] for d in con.execute(query).description], con.execute(query).fetchall()[0], strict=True))
    assert "90+" in case["expected"]
    assert (row["birth_year"], row["age_group"]) == (None, "90+")
    assert "1933" not in str(row)


def test_identifiers_are_on_no_list_of_what_leaves(reference: Path):
    leaving = {*KEYS, *DIMENSIONS, *STATISTICS, *(column for columns in REFERENCE.values() for column in columns)}
    removed = [case for case in cases(reference, "safe_harbor") if case["expected"].startswith("removed")]
    assert len(removed) == 9
    for word in REMOVED:
        assert not [column for column in leaving if word in column.split("_")]


@pytest.mark.parametrize(
    ("postal_code", "expected"),
    [(None, None), ("902", "902"), ("", "000"), ("K1A 0B1", "000"), ("05901", "000"), ("369", "000")],
)
def test_other_postal_codes(postal_code: str | None, expected: str | None):
    assert value_of(zip3("given", SMALL_AREAS), postal_code) == expected
