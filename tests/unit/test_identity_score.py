"""Identity: scores worked by hand, and rules that cannot be used."""

from pathlib import Path

import duckdb
import pytest

from orchestration.identity import RecordsError, RulesError, load_rules, train
from orchestration.identity.metrics import cluster_scores
from orchestration.identity.score import read_map


def test_pair_and_b_cubed_scores_by_hand() -> None:
    with duckdb.connect() as con:
        # truth aaa bb; found {a a b} {a b}: 2 of 4 found pairs... worked by hand below
        con.execute(
            "create table t as select * from (values ('a',1),('a',1),('a',2),('b',1),('b',2)) v (truth, cluster)"
        )
        scores = cluster_scores(con, "t")
    assert scores["pair_precision"] == pytest.approx(1 / 4)  # a-a in cluster 1, of 3 + 1 pairs
    assert scores["pair_recall"] == pytest.approx(1 / 4)  # of 3 + 1 true pairs
    assert scores["b3_precision"] == pytest.approx((2 * 2 / 3 + 1 / 3 + 1 / 2 + 1 / 2) / 5)
    assert scores["b3_recall"] == pytest.approx((2 * 2 / 3 + 1 / 3 + 1 / 2 + 1 / 2) / 5)


def test_rules_with_errors_say_which_entry(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="veto broken: "):
        load_rules(changes={"vetoes": [{"name": "broken", "when": "l.no_such_column = 1"}]})
    with pytest.raises(RulesError, match=r"unknown predicate \{nobody\}"):
        load_rules(changes={"vetoes": [{"name": "v", "when": "{nobody}"}]})
    with pytest.raises(RulesError, match="unknown keys"):
        load_rules(changes={"trusted_rules": [{"name": "r", "keys": ["shoe_size"], "weight": 1}]})
    bad = tmp_path / "map.yaml"
    bad.write_text("colums: {}")
    with pytest.raises(RulesError, match="colums"):
        read_map(bad)


def test_a_model_needs_something_to_learn_from(tmp_path: Path) -> None:
    records = tmp_path / "identity_records.parquet"
    duckdb.sql(f"copy (select 'ehr' as source_system, 'a' as source_record_id, 'ann' as given) to '{records}'")
    with pytest.raises(RecordsError, match="0 pairs"):
        train(records, tmp_path / "identity")
