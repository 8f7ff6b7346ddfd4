"""The referee: a second opinion that names rule and element, never a value, on the same records every time."""

from __future__ import annotations

import json

import pytest

from orchestration.pull import fhir_referee
from orchestration.pull.fhir_referee import Judgement, explain, judge
from orchestration.pull.source import load_sources, pull
from orchestration.settings import SOURCE_DEFINITIONS, Settings
from tests.unit.fhir_deliveries import DROPPED, FINE, line


def delivered(settings: Settings, *lines: bytes, document: list[bytes] | None = None) -> Settings:
    folder = settings.delivery_root / "ehr"
    folder.mkdir()
    (folder / "Encounter.ndjson").write_bytes(b"\n".join(lines))
    if document:
        (folder / "visits.json").write_bytes(b"[" + b",".join(document) + b"]")
    (ehr,) = (source for source in load_sources(SOURCE_DEFINITIONS) if source.name == "ehr")
    pull(ehr, settings)
    return settings


def test_rejects_are_explained_and_the_rest_is_judged_too(settings: Settings) -> None:
    wrong = line(status=DROPPED, period={"start": "2011-13-01"}, type=[{"coding": "Ann Lee"}])
    judgements = list(judge(delivered(settings, FINE, wrong, b"{", document=[FINE])))
    assert sorted(judgements, key=lambda one: (one.file_name, one.line)) == [
        Judgement("Encounter.ndjson", 1, "Encounter", False, ()),
        Judgement("Encounter.ndjson", 2, "Encounter", True, (
            ("format_invalid", "Encounter.period.start"), ("type_invalid", "Encounter.type.coding"),
        )),
        Judgement("Encounter.ndjson", 3, "", True, (("json_invalid", ""),)),
        Judgement("visits.json", 1, "Encounter", False, ()),
    ]  # fmt: skip


def test_unknown_words_are_not_repeated() -> None:
    record = json.loads(FINE) | {"Ann Lee": 1}
    assert explain(json.dumps(record)) == ("Encounter", (("element_unknown", "Encounter"),))
    assert explain('{"resourceType":"Ann"}') == ("", (("resource_type", "resourceType"),))


def test_the_referee_has_no_opinion_on_types_that_its_models_do_not_describe() -> None:
    assert explain('{"resourceType":"MedicinalProduct"}') == ("MedicinalProduct", ())


def test_a_large_delivery_is_sampled_evenly_and_always_alike(settings: Settings) -> None:
    lines = [line(number=number) for number in range(200)] + [line(status="done")]
    delivered(settings, *lines)
    first, again = (list(judge(settings, sample=20)) for _ in range(2))
    assert first == again
    assert [one.is_rejected for one in first].count(True) == 1
    assert len(first) == 21
    assert max(one.line for one in first if not one.is_rejected) > 100


def test_the_command_fails_where_the_rules_were_too_mild(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    delivered(settings, FINE, line(status="done", foo="Ann Lee"))
    assert fhir_referee.main(["--home", str(settings.home)]) == 0
    assert "Encounter" in (told := capsys.readouterr().out)
    assert "Ann" not in told
