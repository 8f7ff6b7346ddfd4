"""Score classes, bounds and small groups at their edges, against the worked cases of `oracles/boundaries`."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.dbt.measure_cases import Case, measured, rows_by

pytestmark = [pytest.mark.dbt, pytest.mark.reference]

METRICS = {"NPS": "nps", "CSAT": "csat", "CES2.0": "ces"}
CLASSES = {
    "top2": {"satisfied"},
    "not": {"neutral", "dissatisfied"},
    "hard(1-3)": {"hard"},
    "easy(5-7)": {"easy"},
}
# Departments named by how many answers they have.
GROUP_SIZES = (1, 10, 11, 29, 30)


@dataclass(frozen=True)
class Worked:
    """The cases of each file, the answers as classed, and the departments' scores."""

    files: dict[str, list[dict[str, str]]]
    answers: dict[str, Mapping[str, Any]]
    scores: dict[str, Mapping[str, Any]]


def _respond(
    case: Case, response_id: str, metric: str, score: float | None, scale: tuple[float, float], **row: Any
) -> None:
    case.add(
        "stg_surveys__responses",
        response_id=response_id,
        recorded_at_utc="2025-04-02 15:00:00",
        is_finished=True,
        channel="email",
        **row,
    )
    case.add(
        "stg_surveys__answers",
        response_id=response_id,
        question_id="Q",
        metric=metric,
        score=score,
        scale_min=scale[0],
        scale_max=scale[1],
    )


@pytest.fixture(scope="module")
def worked(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Worked:
    """All cases built at once."""
    files = {}
    for name in ("nps_csat_ces", "cahps_linear", "suppression"):
        with (reference / "oracles" / "boundaries" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            files[name] = list(csv.DictReader(file))
    case = Case()
    for number, row in enumerate(files["nps_csat_ces"]):
        low, high = (float(bound) for bound in row["scale"].split("-"))
        score = float(row["response"]) if row["response"] else None
        _respond(case, f"class-{number}", METRICS[row["measure"]], score, (low, high))
    for number, row in enumerate(files["cahps_linear"]):
        if row["response_set"] == "rating0-10":
            _respond(case, f"linear-{number}", "nps", float(row["response"]), (0, 10))
    for size in GROUP_SIZES:
        for number in range(size):
            _respond(case, f"group-{size}-{number}", "nps", 9 if number % 3 else 2, (0, 10), department_id=str(size))
    with measured(case, tmp_path_factory.mktemp("experience"), "experience_scores") as warehouse:
        answers = rows_by(warehouse, "select * from marts.experience_responses")
        scores = rows_by(
            warehouse,
            "select * from marts.experience_scores where measure_id = 'NPS' and grouping_set = 'department' "
            "and period_grain = 'month'",
        )
    return Worked(files, {row["response_id"]: row for row in answers}, {row["department_id"]: row for row in scores})


def test_every_answer_has_its_class(worked: Worked) -> None:
    for number, row in enumerate(worked.files["nps_csat_ces"]):
        found = worked.answers[f"class-{number}"]["score_class"]
        assert found in CLASSES.get(row["class"], {row["class"]}), row


def test_ratings_are_equally_spaced_and_nine_is_the_top(worked: Worked) -> None:
    for number, row in enumerate(worked.files["cahps_linear"]):
        if row["response_set"] != "rating0-10":
            continue
        found = worked.answers[f"linear-{number}"]
        assert found["score_0_100"] == pytest.approx(float(row["linear_0_100"]), abs=1e-9)
        assert int(found["score_class"] == "promoter") == int(row["top_box"])


def test_few_answers_are_hidden_and_say_why(worked: Worked) -> None:
    publish = {row["n"]: int(row["publish_rate"]) for row in worked.files["suppression"]}
    for size in (1, 10, 11):
        assert (worked.scores[str(size)]["value"] is not None) == bool(publish[str(size)])
    for size in GROUP_SIZES:
        found = worked.scores[str(size)]
        reason = "n_below_11" if size < 11 else "flag_n_below_30" if size < 30 else None
        assert (found["n_cases"], found["suppressed"], found["suppression_reason"]) == (size, size < 11, reason)
        assert (found["ci_low"] is None) == found["suppressed"]


def test_the_interval_of_a_net_promoter_score(worked: Worked) -> None:
    found = worked.scores["30"]
    promoters, detractors = 20 / 30, 10 / 30
    net = promoters - detractors
    error = ((promoters + detractors - net**2) / 30) ** 0.5
    assert found["value"] == pytest.approx(100 * net, abs=1e-9)
    assert found["ci_low"] == pytest.approx(100 * (net - 1.959963984540054 * error), abs=1e-9)
    assert found["ci_high"] == pytest.approx(100 * (net + 1.959963984540054 * error), abs=1e-9)
