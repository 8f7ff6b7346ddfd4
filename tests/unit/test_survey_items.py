"""Items of standard instruments keep their instrument and version, and their words become scores."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from pydantic import ValidationError

from orchestration.lake.landing import LandedFile
from orchestration.lake.raw import RawBatch
from orchestration.pull.qualtrics import Qualtrics
from orchestration.pull.questions import Question, instruments

FREQUENCY = {"Never": 1, "Sometimes": 2, "Usually": 3, "Always": 4}
HCAHPS = {"instrument": "HCAHPS", "instrument_version": "2025"}
EXPORT = """\
ResponseId,RecordedDate,Q1,Q18,NPS
Response ID,Recorded Date,Nurses: courtesy and respect,Rate this hospital,Recommend
"{""ImportId"":""_recordId""}","{""ImportId"":""recordedDate"",""timeZone"":""UTC""}","{""ImportId"":""Q1""}","{""ImportId"":""Q18""}","{""ImportId"":""QID1""}"
R1,2025-03-01 10:00:00,Always,9,10
R2,2025-03-02 10:00:00,Mostly,11,
"""


def test_items_of_an_instrument_say_so(tmp_path: Path):
    path = tmp_path / "inpatient.csv"
    path.write_text(EXPORT)
    reader = Qualtrics.model_validate(
        {
            "kind": "qualtrics",
            "questions": {
                "Q1": {"metric": "nurse_respect", "scale_min": 1, "scale_max": 4, "values": FREQUENCY, **HCAHPS},
                "Q18": {"metric": "hospital_rating", "scale_min": 0, "scale_max": 10, **HCAHPS},
                "QID1": {"metric": "nps", "scale_min": 0, "scale_max": 10},
            },
        }
    )
    out = RawBatch(tmp_path / "raw", "b1")
    reader.parse([LandedFile("surveys", "surveys", path.name, path, "f1", "", 0, 0, None)], out)
    answers = duckdb.sql(f"""
        select metric, raw_value, score, instrument, instrument_version from '{out.path("answer")}'
        where response_id = 'R1' order by metric
    """)
    assert answers.fetchall() == [
        ("hospital_rating", "9", 9.0, "HCAHPS", "2025"),
        ("nps", "10", 10.0, None, None),
        ("nurse_respect", "Always", 4.0, "HCAHPS", "2025"),
    ]
    rejects = duckdb.sql(f"select line, rule, element from '{out.path('rejects')}' order by all")
    assert rejects.fetchall() == [(2, "score_out_of_scale", "Q18"), (2, "value_unknown", "Q1")]


def test_an_instrument_is_stated_with_its_version():
    with pytest.raises(ValidationError, match="stated together"):
        Question(metric="nurse_respect", scale_min=1, scale_max=4, instrument="HCAHPS")


def test_an_item_needs_no_more_than_its_name():
    question = Question.model_validate({"item": "nurse_respect", **HCAHPS})
    assert (question.metric, question.scale_min, question.scale_max) == ("cahps", 1, 4)
    assert (question.composite, question.values["Always"]) == ("nurse_communication", 4)
    rating = Question.model_validate({"item": "hospital_rating", **HCAHPS, "metric": "rating"})
    assert (rating.metric, rating.scale_max, rating.composite) == ("rating", 10, None)


def test_every_preset_is_a_question():
    items = [
        Question.model_validate({"item": item, "instrument": instrument, "instrument_version": version})
        for instrument, versions in instruments().items()
        for version, known in versions.items()
        for item in known
    ]
    composites = {(q.instrument, q.instrument_version, q.composite) for q in items if q.composite}
    assert (len(items), len(composites)) == (19 + 22 + 13 + 13, 6 + 7 + 4 + 4)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"item": "nurse_respct", **HCAHPS}, "'nurse_respct' is no item with a preset; did you mean 'nurse_respect'"),
        ({"item": "clean", "instrument": "HCAPS", "instrument_version": "2025"}, "did you mean 'HCAHPS'"),
        ({"item": "call_button", **HCAHPS}, "no item"),
        ({"item": "clean", "instrument": "HCAHPS"}, "None is no instrument_version with a preset"),
    ],
)
def test_an_item_that_an_instrument_does_not_have_is_refused(declared, said):
    with pytest.raises(ValidationError, match=said):
        Question.model_validate(declared)


def test_an_answer_that_says_it_does_not_apply_is_none(tmp_path: Path):
    path = tmp_path / "inpatient.csv"
    path.write_text(EXPORT.replace("Always", "9"))
    reader = Qualtrics.model_validate(
        {
            "kind": "qualtrics",
            "questions": {"Q1": {"item": "nurse_respect", **HCAHPS}, "Q18": {"item": "hospital_rating", **HCAHPS}},
        }
    )
    out = RawBatch(tmp_path / "raw", "b1")
    reader.parse([LandedFile("surveys", "surveys", path.name, path, "f1", "", 0, 0, None)], out)
    answers = duckdb.sql(f"select response_id, item, score, composite from '{out.path('answer')}' order by all")
    assert answers.fetchall()[0] == ("R1", "hospital_rating", 9.0, None)
    assert len(answers.fetchall()) == 3
    rejects = duckdb.sql(f"select line, rule, element from '{out.path('rejects')}' order by all")
    assert rejects.fetchall() == [(2, "score_out_of_scale", "Q18"), (2, "value_unknown", "Q1")]
