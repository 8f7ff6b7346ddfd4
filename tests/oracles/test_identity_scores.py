"""Identity on labelled people: FEBRL 4, historical figures, a simulated hospital of 13,000."""

from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from benchmarks.people import people
from orchestration.identity import resolve, train
from orchestration.identity.explain import explain, waterfall_svg
from orchestration.identity.score import DEFAULT_COLUMNS, read_map, score

MAPS = Path(__file__).parent / "identity_maps"


@pytest.mark.reference
def test_febrl4(reference: Path) -> None:
    folder = reference / "data" / "identity"
    scores = score(
        [folder / "dataset4a.csv", folder / "dataset4b.csv"], "person", read_map(MAPS / "febrl4.yaml")
    )  # fmt: skip
    assert scores["pair_f1"] >= 0.998


@pytest.mark.prove
@pytest.mark.reference
def test_febrl4_without_social_security_numbers(reference: Path, tmp_path: Path) -> None:
    folder, without = reference / "data" / "identity", tmp_path / "map.yaml"
    without.write_text((MAPS / "febrl4.yaml").read_text().replace("  ssn4: soc_sec_id\n", ""))
    scores = score([folder / "dataset4a.csv", folder / "dataset4b.csv"], "person", read_map(without))
    assert scores["pair_f1"] >= 0.990


@pytest.mark.prove
@pytest.mark.reference
def test_historical_figures(reference: Path) -> None:
    file = reference / "data" / "identity" / "historical_figures_with_errors_50k.parquet"
    scores = score([file], "cluster", read_map(MAPS / "historical_50k.yaml"))
    assert scores["pair_f1"] >= 0.91
    assert scores["b3_f1"] >= 0.92
    assert scores["pair_precision"] >= 0.97


@pytest.mark.prove
@pytest.mark.reference
def test_hospital_of_13000(reference: Path) -> None:
    scores = score([reference / "data" / "identity" / "hc_13000.parquet"], "truth", read_map(None))
    assert scores["pair_precision"] >= 0.996
    assert scores["pair_recall"] >= 0.735
    assert scores["twins_merged_share"] <= 0.03
    assert scores["junior_senior_merged_share"] <= 0.15
    assert scores["household_merged_share"] <= 0.002
    assert scores["call_precision"] >= 0.995
    assert scores["call_recall"] >= 0.77


@pytest.mark.prove
@pytest.mark.parametrize(
    ("persons", "noise", "floors"),
    [(26_000, 1, (0.996, 0.72, 0.15)), (13_000, 2, (0.99, 0.69, 0.2))],
    ids=["twice as large", "twice as noisy"],
)
def test_hospitals_of_its_kind(tmp_path: Path, persons: int, noise: float, floors: tuple[float, float, float]) -> None:
    precision, recall, junior_senior = floors
    file = tmp_path / "people.parquet"
    pq.write_table(people(persons, noise, seed=persons), file)
    scores = score([file], "truth", read_map(None))
    print({name: round(value, 4) for name, value in scores.items() if name.startswith("pair") or "merged" in name})
    assert scores["pair_precision"] >= precision
    assert scores["pair_recall"] >= recall
    assert scores["twins_merged_share"] <= 0.03
    assert scores["junior_senior_merged_share"] <= junior_senior
    assert scores["household_merged_share"] <= 0.002


@pytest.mark.reference
def test_a_trained_model_adds_people_to_the_trusted_rules(reference: Path, tmp_path: Path) -> None:
    """On 2,000 of the people: the model attaches more calls, and the same night twice gives the same persons."""
    records, exchange, home = tmp_path / "identity_records.parquet", tmp_path / "exchange", tmp_path / "identity"
    fields = ", ".join(f"{sql} as {name}" for name, sql in DEFAULT_COLUMNS.items() if name != "guarantor_id")
    file = reference / "data" / "identity" / "hc_13000.parquet"
    duckdb.sql(
        f"copy (select {fields}, timestamp '2024-01-01' as valid_from from '{file}' where hid % 6 = 0) to '{records}'"
    )
    trusted = resolve(records, exchange, home)
    assert train(records, home).name == "0001.json"
    modelled = resolve(records, exchange, home)
    assert modelled.attached["call"] > trusted.attached["call"] + 0.1
    _check_explanation(records, home, exchange)
    grades = {
        row[0] for row in duckdb.sql(f"select distinct grade from '{exchange}/person_crosswalk.parquet'").fetchall()
    }
    assert grades == {"certain", "probable"}


def _check_explanation(records: Path, home: Path, exchange: Path) -> None:
    """The explained weight is the weight that the edge was joined by."""
    a, b, c, d, weight = duckdb.sql(
        "select source_system_a, source_record_id_a, source_system_b, source_record_id_b, match_weight "
        f"from '{exchange}/identity_edges.parquet' where stage = 'model' order by all limit 1"
    ).fetchall()[0]
    why = explain(records, home, (a, b), (c, d))
    assert why.total == pytest.approx(weight, abs=0.01)
    assert why.vetoes == []
    assert [part.field for part in why.weights][:3] == ["prior", "given", "family"]
    svg = waterfall_svg(why)
    assert svg.count("<rect") == len(why.weights) + 1
    assert "script" not in svg
