"""docs/marts.md says what the dbt YAML says, of every mart and every column."""

from __future__ import annotations

import csv

from orchestration.marts_reference import PAGE, main, marts, page
from orchestration.settings import DBT_PROJECT


def test_the_page_is_fresh() -> None:
    """Run `python -m orchestration.marts_reference` after changing a mart."""
    assert main(["--check"]) == 0


def test_every_mart_has_its_columns_and_their_meaning() -> None:
    """A model under marts/ without YAML, or a column without words, would be a hole in the page."""
    described = {str(mart["name"]): mart for mart in marts(DBT_PROJECT)}
    models = {path.stem for path in (DBT_PROJECT / "models" / "marts").rglob("*.sql") if path.stem[:4] != "int_"}
    assert models <= set(described)
    text = PAGE.read_text()
    for name, mart in described.items():
        assert f"## {name}\n" in text
        for column in mart["columns"]:
            assert column.get("description"), f"{name}.{column['name']} has no description"
            assert f"`{column['name']}`" in text


def test_every_measure_of_the_catalogue_is_listed_with_its_rule() -> None:
    """The table of measures is the seed."""
    text = page(DBT_PROJECT)
    with (DBT_PROJECT / "seeds" / "measures.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            assert f"| `{row['measure_id']}` | `{row['mart']}` |" in text
            assert row["rule_source"]
