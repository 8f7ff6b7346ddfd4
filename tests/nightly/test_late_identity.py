"""Who is identified later gets the earlier touchpoints; an unmerge takes them away; every mart follows."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from datetime import date
from pathlib import Path

import duckdb
import pytest

from orchestration.identity import Decision, write_decisions
from orchestration.lake.duck import quote
from orchestration.night import run_night
from orchestration.sample import generate
from orchestration.settings import Settings

pytestmark = [pytest.mark.nightly, pytest.mark.dbt]

Event = dict[str, str]


def _withhold_account(events: Path) -> tuple[str, str]:
    """Take an account's own events out of the deliveries into ``late``; returns the account and its browser.

    The browser is used by that account alone, and has anonymous events too.
    """
    lines = {path: path.read_text().splitlines() for path in sorted(events.glob("*.ndjson"))}
    seen: dict[str, list[Event]] = defaultdict(list)
    for line in (line for found in lines.values() for line in found):
        try:
            event = json.loads(line)
        except ValueError:  # a spoiled line
            continue
        if isinstance(event, dict) and event.get("anonymousId"):
            seen[event["anonymousId"]].append(event)
    for browser, told in sorted(seen.items()):
        accounts = {event["userId"] for event in told if event.get("userId")}
        used = {b for b, others in seen.items() if any(event.get("userId") in accounts for event in others)}
        if len(accounts) == 1 and used == {browser} and any(not event.get("userId") for event in told):
            account = accounts.pop()
            own = [line for found in lines.values() for line in found if account in line]
            for path, found in lines.items():
                path.write_text("".join(f"{line}\n" for line in found if account not in line))
            (events.parent / "late").write_text("".join(f"{line}\n" for line in own))
            return account, browser
    raise AssertionError("no such account in the sample")


def _anonymous_events(settings: Settings, browser: str) -> set[tuple[str, int | None]]:
    """Return the browser's touchpoints that were told without an account: record and person."""
    database = settings.published / "limited" / "current" / "journeys.duckdb"
    with duckdb.connect(str(database), read_only=True) as con:
        return set(
            con.execute(
                "select source_record_id, person_id from touchpoints where source_system = 'portal' "
                f"and anonymous_id = {quote(browser)}"
            ).fetchall()
        )


def test_an_anonymous_visitor_who_signs_in_later_and_an_unmerge(tmp_path, published_rows):
    deliveries = tmp_path / "deliveries"
    generate(deliveries, patients=12, seed=3, start=date(2024, 6, 1), months=12)
    account, browser = _withhold_account(deliveries / "portal" / "events")
    settings = Settings(home=tmp_path / "home", deliveries=deliveries)
    run_night(settings)
    unknown = _anonymous_events(settings, browser)
    assert unknown
    assert {person for _, person in unknown} == {None}

    shutil.move(deliveries / "portal" / "late", deliveries / "portal" / "events" / "late.ndjson")
    run_night(settings)
    known = dict(_anonymous_events(settings, browser))
    assert known.keys() >= {record for record, _ in unknown}
    person = set(known.values())
    assert len(person) == 1
    assert None not in person
    joined = published_rows(settings)

    crosswalk = quote(settings.exchange / "person_crosswalk.parquet")
    others = duckdb.sql(
        f"select source_system, source_record_id from {crosswalk} where person_id = {person.copy().pop()} "
        "and source_system = 'ehr'"
    ).fetchall()
    assert others
    decisions = settings.identity / "decisions.csv"
    write_decisions(decisions, [_apart(account, system, record) for system, record in others])
    run_night(settings)
    assert not person & set(dict(_anonymous_events(settings, browser)).values())

    decisions.unlink()
    run_night(settings)
    after = published_rows(settings)
    assert {mart for mart in joined if after[mart] != joined[mart]} == set()


def _apart(account: str, system: str, record: str) -> Decision:
    return Decision(
        source_system_a="portal", source_record_id_a=account, source_system_b=system, source_record_id_b=record,
        verdict="NO_MATCH", decided_by="steward", reason="another household", decided_on=date(2024, 1, 1),
    )  # fmt: skip
