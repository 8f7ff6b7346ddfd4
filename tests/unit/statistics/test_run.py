"""A night's statistics over simulated cases: what is there is found, what is not is not, and nothing fails for lack."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from orchestration.declaration import DeclarationError
from orchestration.settings import DBT_PROJECT, Settings
from orchestration.statistics import __main__ as command
from orchestration.statistics import load_declarations, run_statistics
from orchestration.statistics.declarations import DECLARATIONS_FILE
from orchestration.statistics.interventions import intervention_effects
from orchestration.statistics.revenue import revenue_at_risk
from orchestration.statistics.tables import TABLES, path_of, write
from tests.unit.statistics.simulated import make_cases


def read(exchange, table) -> pd.DataFrame:
    return pq.read_table(path_of(exchange, table)).to_pandas()


def test_the_planted_association_is_found_and_few_others(write_exchange):
    exchange = write_exchange(make_cases(1))
    report = run_statistics(exchange)
    found = read(exchange, "associations")
    assert report.estimated == (found["status"] == "estimated").sum() > 150
    planted = (found["exposure"] == "request_to_visit_days") & (found["outcome"] == "nps_score")
    row = found[planted & (found["segment"] == "all")].iloc[0]
    assert row["ci_low"] < -0.7 < row["ci_high"] or row["effect"] == pytest.approx(-0.7, abs=0.05)
    assert (row["direction"], row["n"], row["status"]) == ("worse", 1_500, "estimated")
    assert row["e_value"] > row["e_value_limit"] > 1.5
    assert (found.loc[planted, "q_value"].dropna() < 0.05).all()
    # Under no effect at most one finding in twenty may have q < 0.05; here they are far rarer.
    others = found[~planted & found["q_value"].notna()]
    assert (others["q_value"] < 0.05).mean() <= 0.05
    promoters = read(exchange, "dose_response").query(
        "exposure == 'request_to_visit_days' and outcome == 'is_promoter' and segment == 'all'"
    )
    assert promoters["rate"].is_monotonic_decreasing
    assert promoters["trend_z"].iloc[0] < -10
    assert promoters["n"].sum() == promoters["n_all_bands"].iloc[0] == 1_500


def test_equal_cases_give_equal_tables_and_their_order_means_nothing(write_exchange):
    cases = make_cases(2, n=400)
    shuffled = {name: frame.sample(frac=1, random_state=3) for name, frame in cases.items()}
    one, again, other = (write_exchange(c, name) for c, name in ((cases, "1"), (cases, "2"), (shuffled, "3")))
    declared = load_declarations()
    families = {
        name: declared.families[name] for name in ("waits_and_scores", "waits_and_attendance", "payers_and_bills")
    }
    for exchange in (one, again, other):
        run_statistics(exchange, declared.model_copy(update={"families": families}))
    for table in TABLES:
        assert path_of(one, table).read_bytes() == path_of(again, table).read_bytes()
        pd.testing.assert_frame_equal(read(one, table), read(other, table), rtol=1e-6, atol=1e-9)


def test_without_any_case_every_table_is_there_and_says_why(write_exchange):
    exchange = write_exchange({name: frame.iloc[:0] for name, frame in make_cases(3, n=40).items()})
    report = run_statistics(exchange)
    assert set(report.rows) == set(TABLES)
    assert report.estimated == 0
    assert set(read(exchange, "associations")["reason"]) == {"fewer than 30 cases"}
    assert report.rows["effects"] == report.rows["revenue_at_risk"] == 0
    for table, schema in TABLES.items():
        assert pq.read_schema(path_of(exchange, table)).equals(schema)


def test_a_training_that_raises_a_score_is_seen_in_both_designs(write_exchange):
    cases = make_cases(4, n=6_000)
    visits = cases["visits"]
    rng = np.random.default_rng(5)
    trained = visits["department_id"].isin(["d0", "d1", "d2"]) & (visits["visit_on"] >= "2024-10-01")
    visits["csat_score"] = 3.0 + 0.6 * trained + rng.normal(0, 0.8, len(visits))
    rows = intervention_effects(load_declarations(), write_exchange(cases))
    found = pd.DataFrame(rows).query("outcome == 'csat_score'").set_index("design")
    for design in ("interrupted_series", "difference_in_differences"):
        row = found.loc[design]
        assert (row["status"], row["n_departments"], row["n_before"]) == ("estimated", 3, 8)  # September: under way
        assert row["ci_low"] < 0.6 < row["ci_high"]
        assert row["q_value"] < 0.05
    difference = found.loc["difference_in_differences"]
    assert difference["n_controls"] == 5
    assert difference["p_method"] == "randomisation, all 56 assignments"
    assert difference["pretrend_holds"]


def test_losses_are_counted_once_and_priced_by_their_department(write_exchange):
    cases = make_cases(6, n=200)
    on = pd.Timestamp("2025-01-15")
    cases["visits"] = cases["visits"].assign(
        visit_on=on, department_id=["d0", "d1"] * 100, revenue_amount=[100.0, 700.0] * 100
    )
    missed = (
        cases["appointments"]
        .head(60)
        .assign(
            start_on=[on] * 40 + [pd.Timestamp("2025-05-01")] * 20,
            is_missed=True,
            department_id=["d0"] * 20 + ["d1"] * 12 + ["d9"] * 8 + ["d0"] * 20,
            recovered_on=[on + pd.Timedelta(days=90)] * 5 + [on + pd.Timedelta(days=91)] * 5 + [pd.NaT] * 50,
        )
    )
    cases["appointments"] = pd.concat([missed, cases["appointments"].tail(50).assign(is_missed=False)])
    late = [("d0", 91.0, False, 50.0)] * 8 + [("d0", 91.0, True, 70.0)] * 4 + [("d0", 90.0, False, 10.0)] * 9
    columns = ["department_id", "days_open", "is_resolved", "balance_amount"]
    cases["bills"] = (
        cases["bills"]
        .head(len(late))
        .assign(opened_on=on, **dict(zip(columns, map(list, zip(*late, strict=True)), strict=True)))
    )
    found = revenue_at_risk(load_declarations(), write_exchange(cases))
    rows = pd.DataFrame(found).set_index(["component", "period_start", "department_id"])
    first, second = pd.Timestamp("2025-01-01").date(), pd.Timestamp("2025-04-01").date()
    d0 = rows.loc[("missed_visit", first, "d0")]
    assert d0[["n_events", "n_recovered", "n_open", "n_lost"]].tolist() == [20, 5, 0, 15]
    assert (float(d0["amount"]), float(d0["ci_low"])) == (1_500.0, 1_500.0)
    assert float(rows.loc[("missed_visit", first, "d1"), "amount"]) == 12 * 700.0
    small = rows.loc[("missed_visit", first, "d9")]
    assert small["suppressed"] and pd.isna(small["amount"]) and small["status"] == "hidden"
    everything = rows.loc[("missed_visit", first, "all")]
    assert (float(everything["amount"]), everything["status"]) == (15 * 100.0 + 12 * 700.0, "partly_priced")
    assert everything["reason"] == "8 lost visits to departments without a price"
    still_open = rows.loc[("missed_visit", second, "d0")]
    assert (still_open["n_open"], float(still_open["amount"])) == (20, 0.0)
    bill = rows.loc[("late_bill", first, "d0")]
    assert bill[["n_events", "n_recovered", "n_lost"]].tolist() == [12, 4, 8]
    assert float(bill["amount"]) == 400.0


def test_each_declared_column_stands_in_the_model_that_exports_it():
    declared = load_declarations()
    for family in declared.families.values():
        cases = declared.cases[family.cases]
        outcomes = [declared.outcomes[name] for name in (*family.outcomes, *family.rates)]
        columns = [
            *family.segments,
            *cases.spline,
            *cases.linear,
            *cases.factors,
            *(declared.exposures[name].column for name in family.exposures),
            *(outcome.column for outcome in outcomes),
        ]
        model = (DBT_PROJECT / "models/marts/measures/statistics" / f"{cases.file}.sql").read_text()
        assert [column for column in columns if column not in model] == []


MISTAKES = [
    ("exposures: [request_to_visit_days, lobby", "exposures: [request_to_visit_day, lobby",
     "waits_and_scores.exposures.0: not declared: 'request_to_visit_day'; did you mean 'request_to_visit_days'?"),
    ("rates: [is_promoter, ", "rates: [nps_score, ", "rates.0: nps_score is linear; outcomes here are binary"),
    ("step: 15, bands: minutes}\n  exam", "step: 15, bands: minute}\n  exam",
     "exposures.lobby_minutes.bands: not declared: 'minute'; did you mean 'minutes'?"),
    ("days: [0, 3, 7", "days: [3, 0, 7", "bands.days: upper edges must be given and rise"),
    ("pdc: {column: pdc,", "pdc: {column: pdc, event: died,", "pdc.event: `event` belongs to survival outcomes"),
    ("outcomes: [csat_score, nps_score, ces_score]\n\n", "outcomes: [csat_grade]\n\n",
     "interventions.outcomes.0: csat_grade is ordinal; outcomes here are binary or linear"),
    ("min_cases: 30", "min_cases: 5", "limits.min_cases: input should be greater than or equal to 11"),
    ("min_cases: 30", "minimum_cases: 30", "there is no such key here; did you mean 'min_cases'?"),
    ("kind: ordinal", "kind: ordinary", "'ordinary' is not known here; did you mean 'ordinal'?"),
    ("column: lead_days", "column: lead_day", "the cases have no column 'lead_day'; did you mean 'lead_days'?"),
    ("segments: [department_id, generation]\n  waits_and_grades", "segments: [departments]\n  waits_and_grades",
     "families.waits_and_scores.segments.0: the cases have no column 'departments'; did you mean 'department_id'?"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "message"), MISTAKES)
def test_a_wrong_declaration_is_refused_with_file_line_and_suggestion(write_exchange, tmp_path, right, wrong, message):
    text = DECLARATIONS_FILE.read_text()
    assert text.count(right) == 1
    mine = tmp_path / "mine.yaml"
    mine.write_text(text.replace(right, wrong))
    exchange = write_exchange(make_cases(3, n=20))
    with pytest.raises(DeclarationError) as raised:
        load_declarations(mine, exchange)
    line = text[: text.index(right)].count("\n") + 1
    assert str(raised.value).startswith(f"{mine}:{line}: ")
    assert message in str(raised.value)


def test_a_table_is_written_in_the_order_of_its_key_with_nine_digits(tmp_path):
    keys = {"component": "c", "period_start": pd.Timestamp("2025-01-01").date()}
    rows = [{**keys, "department_id": name, "n_events": 1} for name in ("b", "a")]
    assert write(tmp_path, "revenue_at_risk", rows, "7") == 2
    table = read(tmp_path, "revenue_at_risk")
    assert table["department_id"].tolist() == ["a", "b"]
    assert set(table["spec_version"]) == {"7"}
    row = dict.fromkeys(("family", "exposure", "outcome", "segment_dimension", "segment"), "x")
    write(tmp_path, "associations", [{**row, "effect": 0.12345678949}], "7")
    assert read(tmp_path, "associations")["effect"].tolist() == [0.123456789]
    with pytest.raises(KeyError, match="unknown columns"):
        write(tmp_path, "associations", [{**row, "cause": "wait"}], "7")


def test_an_analyst_may_ask_again_without_touching_the_night(write_exchange, tmp_path, monkeypatch, capsys):
    exchange = write_exchange(make_cases(7, n=60))
    monkeypatch.setattr(command, "get_settings", lambda: Settings(home=tmp_path))
    asked = yaml.safe_load(DECLARATIONS_FILE.read_text())
    asked["families"] = {"own": {"cases": "bills", "exposures": ["denied_at_first"], "outcomes": ["bill_resolution"]}}
    mine = tmp_path / "mine.yaml"
    mine.write_text(yaml.safe_dump(asked))
    before = sorted(exchange.iterdir())
    assert command.main(["--declarations", str(mine), "--out", str(tmp_path / "answers")]) == 0
    assert sorted(exchange.iterdir()) == before
    assert read(tmp_path / "answers", "associations")["family"].tolist() == ["own"]
    assert capsys.readouterr().out.splitlines()[1] == "associations: 1 rows"
    asked["families"]["own"]["outcomes"] = ["happiness"]
    mine.write_text(yaml.safe_dump(asked))
    assert command.main(["--declarations", str(mine), "--out", str(tmp_path / "answers")]) == 2
