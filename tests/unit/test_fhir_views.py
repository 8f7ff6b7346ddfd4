"""ViewDefinitions → SQL: the public SQL-on-FHIR v2 suite, the command line, and the project's own views."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.pull.fhir_tables import ROOT, VIEWS, views
from orchestration.pull.fhir_views import InvalidViewError, compile_view
from orchestration.pull.fhir_views.__main__ import main
from orchestration.pull.fhir_views.definition import all_columns, read_view
from orchestration.pull.fhir_views.dialect import DuckDb
from orchestration.pull.fhir_views.fhirpath import Binary, FhirPathError, Literal, Member, This, parse


def rows_of(definition: object, resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a view over resources."""
    view = compile_view(read_view(definition))
    with duckdb.connect() as con:
        for statement in DuckDb.prelude:
            con.execute(statement)
        con.execute("create table documents (document varchar)")
        con.executemany("insert into documents values (?)", [[json.dumps(resource)] for resource in resources])
        found = con.execute(view.query("documents", "document", "resource"))
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def unordered(rows: list[dict[str, Any]]) -> list[str]:
    """Rows as comparable text; 5 and 5.0 are the same number."""
    numbers = [
        {k: float(v) if isinstance(v, int) and not isinstance(v, bool) else v for k, v in row.items()} for row in rows
    ]
    return sorted(json.dumps(row, sort_keys=True) for row in numbers)


def cases_of(suite: Path) -> Iterator[tuple[str, list[dict[str, Any]], dict[str, Any]]]:
    """Name, resources and case of each test of the suite."""
    for path in sorted(suite.glob("*.json")):
        content = json.loads(path.read_text())
        for case in content["tests"]:
            yield f"{path.stem}: {case['title']}", content["resources"], case


def fulfils(resources: list[dict[str, Any]], case: dict[str, Any]) -> bool:
    """Whether a case of the suite comes out as it says."""
    try:
        rows = rows_of(case["view"], resources)
    except InvalidViewError:
        return bool(case.get("expectError"))
    if case.get("expectError"):
        return False
    columns = case.get("expectColumns")
    return unordered(rows) == unordered(case["expect"]) and (not columns or not rows or list(rows[0]) == columns)


@pytest.mark.reference
def test_every_case_of_the_sql_on_fhir_suite_passes(reference: Path) -> None:
    cases = list(cases_of(reference / "data/sql-on-fhir/tests"))
    assert len(cases) == 98
    assert [name for name, resources, case in cases if not fulfils(resources, case)] == []


def view_of(*columns: dict[str, Any], resource: str = "Patient", **more: Any) -> dict[str, Any]:
    """A ViewDefinition with these columns."""
    return {"resourceType": "ViewDefinition", "resource": resource, "select": [{"column": list(columns), **more}]}


def column(path: str, name: str = "x", **more: Any) -> dict[str, Any]:
    return {"name": name, "path": path, **more}


JANE = {"resourceType": "Patient", "id": "1", "name": [{"given": ["Jane", "Q"]}, {"given": ["J"]}]}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("name.given.first()", "Jane"),
        ("name[1].given[0]", "J"),
        ("name.where(given.count() = 2).given.join('-')", "Jane-Q"),
        ("name.exists(given.count() = 1)", True),
        ("deceased.exists()", False),
        ("name.count() * 2 + 1", 5),
        ("7 div 2", 3),
        ("1 / 0", None),
        ("-1", -1),
        ("'it''s'.empty() or true", None),
    ],
)
def test_paths_give_values(path: str, expected: object) -> None:
    if expected is None and path.startswith("'"):
        with pytest.raises(InvalidViewError):
            rows_of(view_of(column(path)), [JANE])
        return
    assert rows_of(view_of(column(path)), [JANE]) == [{"x": expected}]


@pytest.mark.parametrize(
    ("definition", "why"),
    [
        (view_of(column("nickname")), "no element nickname"),
        (view_of(column("deceased")), "use ofType"),
        (view_of(column("deceased.ofType(Quantity)")), "never of type"),
        (view_of(column("name.lower()")), "unknown function"),
        (view_of(column("id", "a"), column("id", "a")), "two columns"),
        (view_of(column("id"), resource="Patiant"), "no FHIR R4 resource"),
        (view_of(column("id"), forEach="name", forEachOrNull="name"), "exclude each other"),
        (view_of(column("id", "1; drop table x")), "pattern"),
        (view_of(column("id.")), "unexpected end"),
    ],
)
def test_an_invalid_view_is_refused_with_the_reason(definition: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidViewError, match=why):
        compile_view(read_view(definition))


def test_repeat_descends_to_any_depth() -> None:
    item: dict[str, Any] = {"linkId": "40"}
    for depth in range(39, 0, -1):
        item = {"linkId": str(depth), "item": [item]}
    response = {"resourceType": "QuestionnaireResponse", "id": "q", "status": "completed", "item": [item]}
    view = {"resource": "QuestionnaireResponse", "select": [{"repeat": ["item"], "column": [column("linkId")]}]}
    assert [row["x"] for row in rows_of(view, [response])] == [str(depth) for depth in range(1, 41)]


def test_operators_bind_as_fhirpath_says() -> None:
    one, two, three = (Literal("integer", text) for text in "123")
    assert parse("1 + 2 * 3") == Binary("+", one, Binary("*", two, three))
    assert parse("a.b = 1 and true") == Binary(
        "and", Binary("=", Member(Member(This(), "a"), "b"), one), Literal("boolean", "true")
    )
    assert parse(r"'a\'b'") == Literal("string", "a'b")
    with pytest.raises(FhirPathError):
        parse("a b")


@pytest.mark.parametrize("name", sorted(views()))
def test_own_views_compile_to_the_types_they_state(name: str) -> None:
    view = views()[name]
    dialect = DuckDb()
    stated = {c.name: c.sql_type or dialect.sql_type(c.type or "string") for c in all_columns(view.select)}
    assert compile_view(view, ROOT).types == stated


def test_the_command_line_writes_every_format(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    view, data = tmp_path / "view.json", tmp_path / "patients.ndjson"
    view.write_text(json.dumps(view_of(column("id", "id"), column("name.given.first()", "given"))))
    data.write_text(json.dumps(JANE) + "\nnot json\n" + json.dumps({"resourceType": "Slot", "id": "2"}))
    for suffix in ("parquet", "csv", "ndjson"):
        output = tmp_path / f"out.{suffix}"
        assert main(["run", "--view", str(view), "--input", str(data), "--output", str(output)]) == 0
        assert duckdb.sql(f"from '{output}'").fetchall() == [(1 if suffix == "csv" else "1", "Jane")]
    capfd.readouterr()
    assert main(["run", "--view", str(view), "--input", str(data), "--output", "-"]) == 0
    assert json.loads(capfd.readouterr().out) == {"id": "1", "given": "Jane"}


def test_the_command_line_refuses_what_is_wrong(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    view, data, output = tmp_path / "view.json", tmp_path / "patients.ndjson", tmp_path / "out.csv"
    data.write_text(json.dumps(JANE))
    arguments = ["run", "--view", str(view), "--input", str(data), "--output", str(output)]
    view.write_text(json.dumps(view_of(column("nickname"))))
    assert main(arguments) == 2
    view.write_text(json.dumps(view_of(column("name.given"))))
    assert main(arguments) == 1
    assert "Jane" not in capfd.readouterr().err
    assert not output.exists()


def test_a_pharmacy_claim_tells_what_was_filled_and_for_how_long() -> None:
    """A compound names its drug one level deeper (CARIN Blue Button)."""
    ndc = {"coding": [{"system": "http://hl7.org/fhir/sid/ndc", "code": "00071015523"}]}
    supply = {"category": {"coding": [{"code": "dayssupply"}]}, "valueQuantity": {"value": 30}}
    claim = {
        "resourceType": "ExplanationOfBenefit",
        "id": "e",
        "supportingInfo": [{"category": {"coding": [{"code": "refillnum"}]}, "valueQuantity": {"value": 1}}, supply],
    }
    simple = {"item": [{"servicedDate": "2025-01-15", "productOrService": ndc}]}
    compound = {"item": [{"servicedDate": "2025-01-15", "detail": [{"productOrService": ndc}]}]}
    definition = json.loads((VIEWS / "ExplanationOfBenefit.json").read_text())
    for part, found_in in ((simple, "ndc_code"), (compound, "compound_ndc_code")):
        (row,) = rows_of(definition, [claim | part])
        assert (str(row["served_on"]), row[found_in], float(row["days_supply"])) == ("2025-01-15", "00071015523", 30)


def test_a_prescription_says_how_much_is_taken_how_often_and_within_which_period() -> None:
    repeat = {"frequency": 1, "frequencyMax": 2, "period": 12, "periodUnit": "h", "timeOfDay": ["08:00:00", "20:00:00"]}
    timing = {"repeat": repeat | {"boundsPeriod": {"start": "2025-01-05", "end": "2025-02-03"}}}
    high = {"value": 2, "unit": "tablet", "code": "{tbl}"}
    dosage = {"timing": timing, "doseAndRate": [{"doseRange": {"low": {"value": 1}, "high": high}}]}
    amount = {"quantity": {"value": 60, "unit": "tablet"}, "validityPeriod": {"start": "2025-01-03"}}
    request = {"resourceType": "MedicationRequest", "id": "r", "dispenseRequest": amount}
    definition = json.loads((VIEWS / "MedicationRequest.json").read_text())
    one, two = rows_of(definition, [request | {"dosageInstruction": found} for found in ([dosage], [dosage, {}])])
    assert (one["has_several_dosages"], two["has_several_dosages"]) == (False, True)
    told = ("highest_dose", "highest_dose_unit_code", "dose_frequency", "highest_dose_frequency", "dose_period")
    assert [one[name] for name in told] == [2, "{tbl}", 1, 2, 12]
    assert (one["dose_period_unit"], one["dose_times"], one["quantity"]) == ("h", "08:00:00,20:00:00", 60)
    times = [str(one[name])[:10] for name in ("bounds_start", "bounds_end", "valid_from")]
    assert times == ["2025-01-05", "2025-02-03", "2025-01-03"]
