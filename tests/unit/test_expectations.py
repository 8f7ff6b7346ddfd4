"""Suites as code: they load, they fail where they should, and nothing of a record gets out."""

import time
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from expectations.run import validate_all, validate_frame
from expectations.suite import Expectation, Suite, at_least, between, parameter
from expectations.suites import SUITES
from orchestration.settings import DBT_PROJECT

SECRET = "Rosalind-Franklin-1920"


def make_suite(*expectations: Expectation, sql: str = "select 1 as a") -> Suite:
    return Suite("a_suite", ("marts", "touchpoints"), "For a test.", sql, expectations)


def test_suites_have_their_own_names_and_name_a_table_of_the_warehouse():
    assert len({suite.name for suite in SUITES}) == len(SUITES)
    assert all(len(suite.asset) == 2 and suite.asset[0] in {"staging", "identity", "marts"} for suite in SUITES)
    assert all(suite.asset[1] in suite.sql for suite in SUITES)
    assert all(suite.expectations and suite.description.endswith(".") for suite in SUITES)


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_every_suite_holds_for_a_source_that_delivered_nothing(suite: Suite):
    columns = {
        str(value)
        for expectation in suite.expectations
        for key, value in expectation.arguments.items()
        if key.startswith("column")
    }
    nothing = pd.DataFrame({column: pd.Series(dtype="float64") for column in columns})
    verdict = validate_frame(suite, nothing, {"max_rejected_share": 0.05})
    assert (verdict.passed, verdict.failed, verdict.rows) == (True, [], 0)
    assert verdict.expectations_run == len(suite.expectations)


def test_a_value_out_of_range_fails_and_is_named_by_expectation_and_column_only():
    frame = pd.DataFrame({"nps": [-100.0, 101.0, None], "name": [SECRET] * 3})
    verdict = validate_frame(make_suite(between("nps", -100, 100), between("nps", -200, 200)), frame)
    assert not verdict.passed
    assert verdict.failed == ["expect_column_values_to_be_between nps"]


def test_an_expectation_that_breaks_says_nothing_of_the_values(caplog: pytest.LogCaptureFixture, capfd):
    verdict = validate_frame(make_suite(between("name", 0, 1)), pd.DataFrame({"name": [SECRET]}))
    assert not verdict.passed
    assert SECRET not in repr(verdict) + caplog.text + "".join(capfd.readouterr())


def test_a_pair_of_columns_is_compared_row_by_row():
    suite = make_suite(at_least("delivered", "accounted"))
    assert validate_frame(suite, pd.DataFrame({"delivered": [3, None], "accounted": [3.0, 9.0]})).passed
    assert not validate_frame(suite, pd.DataFrame({"delivered": [3, 4], "accounted": [3, 5]})).passed


def test_the_allowed_share_of_rejects_comes_from_outside():
    suite = make_suite(between("share", 0, parameter("max_rejected_share")))
    frame = pd.DataFrame({"share": [0.02, 0.08]})
    assert not validate_frame(suite, frame, {"max_rejected_share": 0.05}).passed
    assert validate_frame(suite, frame, {"max_rejected_share": 0.10}).passed


def make_account(path: Path, rejected: int) -> None:
    with duckdb.connect(str(path)) as con:
        con.execute("create schema staging")
        con.execute(
            "create table staging.stg_lake__account as "
            "select 'ehr' as source, 100 as records_delivered, 0 as records_rejected union all select 'portal', 100, ?",
            [rejected],
        )


@pytest.mark.parametrize(("rejected", "allowed", "passes"), [(5, 0.05, True), (6, 0.05, False), (6, 0.06, True)])
def test_a_source_that_loses_more_than_its_share_stops_the_night(
    tmp_path: Path, rejected: int, allowed: float, passes: bool
):
    make_account(tmp_path / "warehouse.duckdb", rejected)
    suite = next(suite for suite in SUITES if suite.name == "lake_rejected_share")
    [verdict] = validate_all(tmp_path / "warehouse.duckdb", max_rejected_share=allowed, suites=[suite])
    assert suite.blocking
    assert verdict.passed is passes
    assert verdict.rows == 2


def test_a_suite_takes_a_fraction_of_a_second():
    suite = make_suite(*(between(column, 0, 1) for column in "abcdef"))
    frame = pd.DataFrame({column: [0.5] * 100 for column in "abcdef"})
    validate_frame(suite, frame)
    started = time.process_time()
    validate_frame(suite, frame)
    assert time.process_time() - started < 1


def test_every_mart_of_the_measure_catalogue_is_checked():
    catalogue = pd.read_csv(DBT_PROJECT / "seeds" / "measures.csv")
    [suite] = [suite for suite in SUITES if suite.name == "measures_are_possible"]
    at_grouping_sets = set(pd.read_csv(DBT_PROJECT / "seeds" / "grouping_sets.csv")["mart"])
    for mart in set(catalogue["mart"]) & at_grouping_sets:
        assert f"marts.{mart} " in suite.sql
