"""The first night on the sample hospital, compared with what the hospital knows to be true."""

from __future__ import annotations

import csv
import json
import re
import shutil
from itertools import combinations

import duckdb
import pytest

from orchestration.lake.dbt import BuildError
from orchestration.lake.warehouse import reading, run_tests
from orchestration.night import run_night
from orchestration.report import QUERY
from orchestration.settings import PROJECT_ROOT, Settings

pytestmark = [pytest.mark.nightly, pytest.mark.dbt]

#: The page of questions, and its queries by their question.
PAGE = (PROJECT_ROOT / "docs" / "questions.md").read_text(encoding="utf-8")
QUESTIONS = dict(re.findall(r"^## (.+?)\n.*?```sql\n(.+?)```", PAGE, re.DOTALL | re.MULTILINE))


def _published(settings: Settings, which: str) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(settings.published / which / "current" / "journeys.duckdb"), read_only=True)


def _limited(settings: Settings) -> duckdb.DuckDBPyConnection:
    return _published(settings, "limited")


def test_every_record_that_a_manifest_promised_is_accounted_for(first):
    told = 0
    for manifest in first.settings.delivery_root.glob("*/manifest.json"):
        if manifest.parent.name != "truth":
            told += sum(entry.get("count", 0) for entry in json.loads(manifest.read_text())["output"])
    accounts = first.night.accounts
    assert sum(a.delivered for a in accounts) >= told > 1_000
    for a in accounts:
        assert a.delivered == a.staged + a.superseded + a.duplicate + a.deleted + a.rejected + a.not_modelled
    states = {"superseded", "duplicate", "deleted", "rejected"}
    assert all(sum(getattr(a, state) for a in accounts) > 0 for state in states)


def test_each_spoiled_record_is_rejected_at_its_file_and_line_and_no_other(first):
    spoiled = list(csv.DictReader((first.settings.delivery_root / "truth" / "spoiled.csv").open()))
    with reading(first.settings.warehouse) as con:
        rejected = con.execute(
            "select source, file_name, line from staging.stg_lake__rejects where severity = 'reject'"
        ).fetchall()
    assert len(spoiled) >= 8
    assert set(rejected) == {(row["source"], row["file"], int(row["line"])) for row in spoiled}


def test_no_two_persons_are_merged_that_are_not_one(first):
    truth = {
        (row["source_system"], row["source_record_id"]): row["true_person"]
        for row in csv.DictReader((first.settings.delivery_root / "truth" / "persons.csv").open())
    }
    with duckdb.connect() as con:
        rows = con.execute(
            "select person_id, source_system, source_record_id "
            f"from read_parquet('{first.settings.exchange / 'person_crosswalk.parquet'}') where person_id is not null"
        ).fetchall()
    persons: dict[int, set[str]] = {}
    for person_id, system, record in rows:
        if (system, record) in truth:
            persons.setdefault(person_id, set()).add(truth[system, record])
    assert len(persons) >= 40
    assert [true for true in persons.values() if len(true) > 1] == []


def test_most_records_of_a_person_are_found(first):
    truth: dict[str, list[tuple[str, str]]] = {}
    for row in csv.DictReader((first.settings.delivery_root / "truth" / "persons.csv").open()):
        truth.setdefault(row["true_person"], []).append((row["source_system"], row["source_record_id"]))
    with duckdb.connect() as con:
        found = {
            (system, record): person
            for system, record, person in con.execute(
                "select source_system, source_record_id, person_id "
                f"from read_parquet('{first.settings.exchange / 'person_crosswalk.parquet'}')"
            ).fetchall()
        }
    pairs = [pair for records in truth.values() for pair in combinations(sorted(records), 2)]
    together = sum(found.get(a) is not None and found.get(a) == found.get(b) for a, b in pairs)
    assert together / len(pairs) > 0.5


def test_journeys_run_across_all_five_sources(first):
    with _limited(first.settings) as con:
        sources = con.execute("select distinct source_system from touchpoints").fetchall()
        most = con.execute(
            "select max(n) from (select count(distinct t.source_system) as n from journey_touchpoints as jt "
            "inner join touchpoints as t on jt.activity_id = t.activity_id group by jt.journey_id)"
        ).fetchall()
    assert {row[0] for row in sources} >= {"ehr", "portal", "call_center", "billing", "surveys"}
    assert most[0][0] >= 4


def test_each_touchpoint_stands_in_one_journey(first):
    with _limited(first.settings) as con:
        touchpoints, members, distinct_members = con.execute(
            "select (select count(*) from touchpoints), "
            "(select count(*) from journey_touchpoints), "
            "(select count(distinct activity_id) from journey_touchpoints)"
        ).fetchall()[0]
    assert touchpoints == members == distinct_members


def test_a_second_night_with_nothing_new_changes_no_published_row(first, sample, tmp_path, published_rows):
    home = tmp_path / "home"
    shutil.copytree(first.settings.root, home, symlinks=True)
    settings = Settings(home=home, deliveries=sample)
    before = published_rows(settings)
    link = (settings.published / "limited" / "current").readlink()
    again = run_night(settings)
    assert not again.publication.is_new
    assert (settings.published / "limited" / "current").readlink() == link
    assert published_rows(settings) == before
    assert sum(report.files_parsed for report in again.pulls) == 0


def test_with_only_an_ehr_the_night_succeeds_with_four_warnings(sample, tmp_path):
    deliveries = tmp_path / "deliveries"
    shutil.copytree(sample / "ehr", deliveries / "ehr")
    settings = Settings(home=tmp_path / "home", deliveries=deliveries)
    night = run_night(settings)
    assert [warning.split(":")[0] for warning in night.warnings] == ["billing", "call_center", "portal", "surveys"]
    with _limited(settings) as con:
        sources = con.execute("select distinct source_system from touchpoints").fetchall()
        journeys = con.execute("select count(*) from journeys").fetchall()
    assert sources == [("ehr",)]
    assert journeys[0][0] > 40


def test_data_tests_name_what_is_broken_and_no_value(first, tmp_path):
    spoiled = Settings(home=tmp_path / "home")
    for folder in ("raw", "exchange", "landing/_releases"):
        shutil.copytree(first.settings.root / folder, spoiled.root / folder)
    shutil.copyfile(first.settings.warehouse, spoiled.warehouse)
    assert run_tests(spoiled) == (first.night.tests_passed, 0)
    with duckdb.connect(str(spoiled.warehouse)) as con:
        con.execute("insert into staging.stg_ehr__patients select * from staging.stg_ehr__patients limit 1")
        [(patient,)] = con.execute("select patient_id from staging.stg_ehr__patients limit 1").fetchall()
    with pytest.raises(BuildError, match="sound_stg_ehr__patients") as failure:
        run_tests(spoiled)
    assert patient not in str(failure.value)


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_the_page_of_questions_asks_has_an_answer(first, question):
    with _published(first.settings, "safe_harbor" if "safe_harbor" in question else "limited") as con:
        assert con.execute(QUESTIONS[question]).fetchall()


def test_every_question_is_asked():
    assert len(QUESTIONS) == 6


def test_the_query_that_a_night_ends_with_finds_departments(first):
    """Of forty patients every score may be hidden: that there are any shows without the last condition."""
    shown = QUERY.replace(" and not suppressed", "")
    assert shown != QUERY
    with _limited(first.settings) as con:
        assert con.execute(shown).fetchall()
