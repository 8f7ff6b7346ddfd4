"""Journeys end to end: stories told by several sources, and properties that hold for any story."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from tests.dbt.journey_stories import Story, journeys_of

pytestmark = pytest.mark.dbt


def visit(story: Story, who: str, name: str, day: str, **encounter: Any) -> None:
    """Tell a whole clinic visit of one hour: arrived 9:00, roomed 9:10, seen 9:25, departed 10:00 (UTC)."""
    story.add(
        "stg_ehr__encounters",
        **{
            "encounter_id": name,
            "status": "finished",
            "class_code": "AMB",
            "started_at": f"{day} 09:00",
            "ended_at": f"{day} 10:00",
            "department_id": "clinic",
            **encounter,
        },
    )
    for activity, at in [("arrived", "09:00"), ("roomed", "09:10"), ("seen", "09:25"), ("departed", "10:00")]:
        story.tell(activity, f"{day} {at}", who=who, encounter_id=name, stage="encounter", channel="in_person")


def told() -> Story:
    """p1: a referred patient's whole way; p2: an emergency that becomes an admission; p3: death; p4: a missed visit."""
    story = Story(as_of="2025-12-31")
    for department, line in [("clinic", "primary care"), ("heart", "cardiology"), ("ed", "emergency")]:
        story.add("dim_department", department_id=department, facility_id="hospital", service_line=line)
    visit(story, "p1", "E1", "2025-01-10")
    story.tell("referred", "2025-01-10 09:40", encounter_id="E1", referral_id="R1", stage="access")
    story.add(
        "stg_call_center__contacts",
        contact_id="C1",
        reason="schedule_appointment",
        initiated_at="2025-01-11 15:00",
        disconnected_at="2025-01-11 15:10",
    )
    story.tell("called", "2025-01-11 15:00", "call_center", call_id="C1", channel="phone", stage="scheduling")
    story.tell(
        "booked_appointment",
        "2025-01-11 15:05",
        appointment_id="A1",
        referral_id="R1",
        stage="scheduling",
        planned_ts="2025-02-01 14:00",
    )
    visit(story, "p1", "E2", "2025-02-01", appointment_id="A1", department_id="heart")
    story.tell("prescribed_medication", "2025-02-01 09:50", encounter_id="E2", prescription_id="P1", stage="follow_up")
    story.tell("filled_medication", "2025-02-20", prescription_id="P1", stage="follow_up")
    story.tell("received_referral_report", "2025-02-03", referral_id="R1", stage="follow_up")
    story.tell("billed_claim", "2025-02-05", "billing", claim_id="K1", encounter_id="E2", stage="billing")
    story.tell(
        "answered_survey",
        "2025-02-03",
        "surveys",
        source_record_id="S1",
        survey_id="v",
        encounter_id="E2",
        stage="follow_up",
    )
    story.add("stg_surveys__answers", response_id="S1", metric="nps", score=3)
    story.add(
        "stg_surveys__answers",
        response_id="S1",
        metric="ces",
        score=2,
        scale_min=1,
        scale_max=7,
        scale_direction="lower_is_better",
    )
    story.tell("received_callback", "2025-02-04 12:00", "call_center", call_id="C2", initiator="provider")
    story.add(
        "stg_call_center__contacts",
        contact_id="C2",
        initiated_at="2025-02-04 12:00",
        disconnected_at="2025-02-04 12:05",
    )

    visit(story, "p2", "ED", "2025-03-01", class_code="EMER", department_id="ed")
    visit(story, "p2", "IN", "2025-03-02", class_code="IMP", department_id="ed", ended_at="2025-03-05 09:00")

    visit(story, "p3", "E3", "2025-06-01")
    story.add("dim_person", person_id=3, deceased_on="2025-07-01")

    story.tell("booked_appointment", "2025-12-02", who="p4", appointment_id="A4", planned_ts="2025-11-30 14:00")
    story.tell("missed_appointment", "2025-12-10 14:00", who="p4", appointment_id="A4", is_failed=True)
    story.tell("logged_in", "2025-12-20", "portal", who="someone")
    return story


@pytest.fixture(scope="module")
def marts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with journeys_of(told(), tmp_path_factory.mktemp("journeys"), data_tests=True) as connection:
        yield connection


def rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


def test_a_referral_its_call_booking_visit_fill_and_bill_are_one_journey(marts: duckdb.DuckDBPyConnection):
    found = rows(
        marts,
        "select journey_type, end_reason, n_touchpoints from marts.journeys where person_id = 1 order by start_ts",
    )
    assert found == [("referral", "resolved", 16), ("contact", "resolved", 1)]
    anchor = rows(
        marts,
        """
        select touchpoints.activity from marts.journeys
        inner join marts.touchpoints on anchor_activity_id = activity_id
        where journeys.person_id = 1 and journey_type = 'referral'
        """,
    )
    assert anchor == [("referred",)]


def test_a_visit_cycle_has_the_times_of_its_stages_and_its_scores(marts: duckdb.DuckDBPyConnection):
    found = rows(
        marts,
        """
        select lead_days, checkin_to_room_min, room_to_seen_min, los_min, outcome, no_show, nps, ces,
            loop_closed_at::varchar, billed_at::varchar, resolved_at::varchar
        from marts.episodes where appointment_id = 'A1'
        """,
    )
    assert found == [
        (
            21, 10.0, 15.0, 60.0, "completed", False, 3.0, 6.0,
            "2025-02-04 12:00:00", "2025-02-05 00:00:00", "2025-02-01 10:00:00",
        )
    ]  # fmt: skip


def test_an_emergency_and_the_admission_after_it_are_one_stay(marts: duckdb.DuckDBPyConnection):
    assert rows(marts, "select episode_type, outcome from marts.episodes where person_id = 2") == [
        ("inpatient_stay", "completed")
    ]
    assert rows(marts, "select journey_type, end_reason from marts.journeys where person_id = 2") == [
        ("emergency", "resolved")
    ]


def test_death_ends_a_journey_that_had_not_ended(marts: duckdb.DuckDBPyConnection):
    assert rows(marts, "select journey_type, end_reason from marts.journeys where person_id = 3") == [
        ("new_patient", "death")
    ]


def test_a_missed_visit_is_a_no_show_and_a_negative_lead_is_unknown(marts: duckdb.DuckDBPyConnection):
    assert rows(marts, "select outcome, no_show, lead_days from marts.episodes where person_id = 4") == [
        ("no_show", True, None)
    ]


def test_who_is_unknown_travels_under_an_anonymous_id(marts: duckdb.DuckDBPyConnection):
    assert rows(marts, "select anonymous_id, journey_type from marts.journeys where person_id is null") == [
        ("portal:someone", "contact")
    ]


def random_story(seed: int) -> Story:
    """Many people's touchpoints with ids shared at random: any graph of links may come of it."""
    generator = random.Random(seed)  # noqa: S311 - no secret
    story = Story(as_of="2026-01-01")
    activities = ["arrived", "seen", "called", "filled_medication", "billed_claim", "booked_appointment", "logged_in"]
    for _ in range(400):
        who = generator.randrange(1, 9)
        ids = {
            column: f"{column}-{who}-{generator.randrange(12)}"
            for column in ("encounter_id", "appointment_id", "claim_id", "prescription_id", "referral_id", "thread_id")
            if generator.random() < 0.2
        }
        day, minute = generator.randrange(1, 28), generator.randrange(0, 60, 30)
        story.tell(
            generator.choice(activities),
            f"2025-{generator.randrange(1, 13):02}-{day:02} 10:{minute:02}",
            who=f"p{who}",
            department_id=generator.choice(["d1", "d2", None]),
            **ids,
        )
    return story


def components(links: list[tuple[Any, Any]]) -> dict[Any, set[Any]]:
    """Connected components by repeated merging: slow, plainly right."""
    groups: dict[Any, set[Any]] = {}
    for left, right in links:
        merged = groups.get(left, {left}) | groups.get(right, {right})
        for member in merged:
            groups[member] = merged
    return groups


@pytest.fixture(scope="module")
def shuffled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[duckdb.DuckDBPyConnection]]:
    straight, mixed = random_story(7), random_story(7)
    random.Random(1).shuffle(mixed.touchpoints["ehr"])  # noqa: S311
    with (
        journeys_of(straight, tmp_path_factory.mktemp("straight")) as first,
        journeys_of(mixed, tmp_path_factory.mktemp("mixed")) as second,
    ):
        yield [first, second]


def test_each_touchpoint_is_in_one_episode_and_each_episode_in_one_journey(
    shuffled: list[duckdb.DuckDBPyConnection],
):
    connection = shuffled[0]
    assert rows(connection, "select count(*), count(distinct activity_id) from marts.journey_touchpoints") == [
        (400, 400)
    ]
    assert rows(
        connection,
        """
        select count(*) from (
            select episode_id from marts.journey_touchpoints group by episode_id having count(distinct journey_id) > 1
        )
        """,
    ) == [(0,)]
    assert rows(
        connection,
        """
        select count(*) from marts.journey_touchpoints
        inner join marts.journeys using (journey_id)
        inner join marts.touchpoints using (activity_id)
        where journeys.person_id is distinct from touchpoints.person_id
        """,
    ) == [(0,)]


def test_journeys_are_exactly_the_connected_components_of_the_links(shuffled: list[duckdb.DuckDBPyConnection]):
    connection = shuffled[0]
    groups = components(rows(connection, "select node, neighbour from journey.int_journey__links"))
    assert max(len(group) for group in groups.values()) > 5
    expected = defaultdict(set)
    found = defaultdict(set)
    for episode, run, journey in rows(
        connection,
        """
        select episode_id, run_id, journey_id
        from journey.int_journey__runs inner join journey.int_journey__linked using (episode_id)
        """,
    ):
        expected[frozenset(groups.get(run, {run}))].add(episode)
        found[journey].add(episode)
    assert sorted(map(sorted, expected.values())) == sorted(map(sorted, found.values()))


def test_the_order_of_delivery_changes_nothing(shuffled: list[duckdb.DuckDBPyConnection]):
    for mart in ("touchpoints", "episodes", "journeys", "journey_touchpoints", "journey_edges", "deviations"):
        straight, mixed = (set(rows(connection, f"select * from marts.{mart}")) for connection in shuffled)
        assert straight == mixed, mart
