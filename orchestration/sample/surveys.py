"""Experience surveys: who is asked, who answers, and what they say about what happened to them.

Belongs here: invitations, responses, scores and comments, Qualtrics-shaped. Does not belong: the planted
coefficients (effects.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from orchestration.sample.clock import DAY, HOUR, MINUTE, TIME_ZONE, at, day, quarter, wall
from orchestration.sample.effects import SCALES, SPREADS, Experience, answer_chance, felt_days, felt_lobby
from orchestration.sample.estimands import VISIT_ANSWERS, Asked
from orchestration.sample.people import Person
from orchestration.sample.world import Visit, World

_DATES = ("StartDate", "EndDate", "RecordedDate")
_COLUMNS = {  # column: (text in row 2, ImportId)
    "StartDate": ("Start Date", "startDate"),
    "EndDate": ("End Date", "endDate"),
    "Status": ("Response Type", "status"),
    "IPAddress": ("IP Address", "ipAddress"),
    "Progress": ("Progress", "progress"),
    "Duration (in seconds)": ("Duration (in seconds)", "duration"),
    "Finished": ("Finished", "finished"),
    "RecordedDate": ("Recorded Date", "recordedDate"),
    "ResponseId": ("Response ID", "_recordId"),
    "RecipientLastName": ("Recipient Last Name", "recipientLastName"),
    "RecipientFirstName": ("Recipient First Name", "recipientFirstName"),
    "RecipientEmail": ("Recipient Email", "recipientEmail"),
    "ExternalReference": ("External Data Reference", "externalDataReference"),
    "DistributionChannel": ("Distribution Channel", "distributionChannel"),
    "UserLanguage": ("User Language", "userLanguage"),
    "QID1": ("How likely are you to recommend us to friends and family?", "QID1"),
    "QID2": ("Overall, how satisfied are you?", "QID2"),
    "QID3": ("The hospital made it easy for me to handle my concern.", "QID3"),
    "QID4_TEXT": ("What should we know?", "QID4_TEXT"),
    "survey_id": ("survey_id", "survey_id"),
    "department_id": ("department_id", "department_id"),
    "encounter_id": ("encounter_id", "encounter_id"),
    "contact_id": ("contact_id", "contact_id"),
    "birth_date": ("birth_date", "birth_date"),
    "invitation_id": ("invitation_id", "invitation_id"),
}
_INVITATIONS = [
    *("invitation_id", "survey_id", "mrn", "encounter_id", "contact_id", "department_id"),
    *("sent_at", "channel", "status"),
]


@dataclass(frozen=True)
class CallFacts:
    """What a survey about a call may react to."""

    contact: str
    dept: str | None
    wait_seconds: int
    resolved: bool
    repeats: int


@dataclass(frozen=True)
class Anchor:
    """What a survey is about."""

    survey: str
    dept: str | None
    encounter: str | None
    contact: str | None
    mrn: str
    asked: int


@dataclass(frozen=True)
class Scores:
    """Answers on their own scales: 0-10, 1-5, 1-7."""

    nps: int
    csat: int
    ces: int
    comment: str = ""


def header() -> Iterable[list[str]]:
    """Return the three header rows of a Qualtrics export."""
    imports = []
    for name, (_, key) in _COLUMNS.items():
        spec = {"ImportId": key, "timeZone": TIME_ZONE} if name in _DATES else {"ImportId": key}
        imports.append(orjson.dumps(spec).decode())
    return [list(_COLUMNS), [text for text, _ in _COLUMNS.values()], imports]


def _scale(value: float, low: int, high: int) -> int:
    return max(low, min(high, round(value)))


def after_visit(world: World, visit: Visit) -> None:
    """Ask about a visit on the next morning."""
    person = visit.person
    asked = at(day(visit.ended), 10) + DAY + world.between(0, 90) * MINUTE
    anchor = Anchor("visit_experience", visit.dept.id, visit.id, None, visit.record.mrn, asked)
    experience = Experience(
        mood=0.45 * person.content,
        trouble=0.4 * min(person.troubles, 3) + (2.5 if visit.seen is None else 0.0),
        wait_days=felt_days(visit.wait_days),
        lobby_minutes=felt_lobby(visit.lobby_minutes),
        is_trained=int(world.truth.is_trained(visit.dept.id, visit.ended)),
    )
    wait = experience.wait_days
    means = experience.means(world.effects)
    answers = {name: _scale(means[name] + world.rng.gauss(0, SPREADS[name]), *SCALES[name]) for name in SCALES}
    scores = Scores(**answers, comment=_comment(wait, experience.lobby_minutes, person.troubles))
    answered = _ask(world, person, anchor, scores, VISIT_ANSWERS)
    if visit.kind != "IMP":
        _note(world, visit, experience, answered)
    if not answered:
        return
    person.troubles = 0
    world.truth.csat(visit.dept.id, visit.ended, scores.csat)
    if visit.wait_days is not None:
        world.truth.pair("wait_days_on_nps", wait, scores.nps)
        world.truth.pair("wait_days_on_csat", wait, scores.csat)
        world.truth.pair("wait_days_on_ces", wait, scores.ces)


def _note(world: World, visit: Visit, experience: Experience, answered: bool) -> None:
    """Tell the truth what a visit was like, and what of it a statistic will see."""
    estimands = world.truth.estimands
    is_older, is_booked = visit.person.is_older(world.period.start), visit.lead_days is not None
    estimands.asked(Asked(experience, is_older, is_booked, visit.seen is not None))
    if answered:
        lobby = visit.lobby_minutes if visit.roomed is not None and visit.kind in {"AMB", "EMER"} else None
        estimands.answered((visit.dept.id, quarter(visit.arrived)), visit.lead_days, experience.wait_days, lobby)


def after_call(world: World, person: Person, ended: int, facts: CallFacts) -> None:
    """Ask about one call in three, an hour later."""
    if not world.chance(0.33):
        return
    rng, minutes = world.rng, facts.wait_seconds / 60
    bad = 0.12 * min(minutes, 20) + 0.5 * facts.repeats + (0 if facts.resolved else 2.0)
    mood = 0.45 * person.content
    comment = "" if facts.resolved else "I still have no answer to my question."
    scores = Scores(
        _scale(8.7 + mood * 2 - bad + rng.gauss(0, 1.3), 0, 10),
        _scale(4.5 + mood * 0.6 - 0.5 * bad + rng.gauss(0, 0.6), 1, 5),
        _scale(6.2 + mood - 0.8 * bad + rng.gauss(0, 0.9), 1, 7),
        comment,
    )
    anchor = Anchor("call_experience", facts.dept, None, facts.contact, person.records[0].mrn, ended + HOUR)
    _ask(world, person, anchor, scores, 0.22)


def _comment(wait: float, lobby: float, troubles: int) -> str:
    if wait > 20:
        return f"It took {round(wait)} days to get this appointment."
    if lobby > 25:
        return "I sat in the waiting room far too long."
    if troubles:
        return "Nobody could sort out my question on the phone."
    return "Everyone was kind and took their time." if wait < 6 else ""


def _ask(world: World, person: Person, anchor: Anchor, scores: Scores, base: float) -> bool:
    """Send the invitation; tell whether an answer came, which strong feelings and age make likelier."""
    if anchor.asked > world.period.end or person.died:
        return False
    channel = "email" if person.email and world.chance(0.7) else "sms"
    bounced = world.chance(0.03)
    invitation = world.id("inv")
    table = world.out.table("surveys", "invitations.csv", [_INVITATIONS])
    status = "bounced" if bounced else "delivered"
    links = (anchor.encounter, anchor.contact, anchor.dept)
    table.row((invitation, anchor.survey, anchor.mrn, *links, wall(anchor.asked, "T"), channel, status))
    likely = answer_chance(base, scores.nps, person.is_older(world.period.start))
    start = anchor.asked + int(world.rng.expovariate(1 / 20) * HOUR) + 60
    if bounced or not world.chance(likely) or start + HOUR > world.period.end:
        return False
    _respond(world, person, anchor, scores, (invitation, channel, start))
    return True


def _respond(world: World, person: Person, anchor: Anchor, scores: Scores, how: tuple[str, str, int]) -> None:
    invitation, channel, start = how
    key = f"R_{world.rng.getrandbits(80):020x}"
    seconds, finished = world.between(45, 600), not world.chance(0.05)
    named, referenced = world.chance(0.9), world.chance(0.72)
    answers = (scores.nps, scores.csat, scores.ces if finished else None)
    comment = scores.comment if finished and world.chance(0.4) else ""
    row = (
        *(wall(start), wall(start + seconds), 0, ""),
        *(100 if finished else 60, seconds, int(finished), wall(start + seconds + 1), key),
        *((person.family, person.given, person.email if channel == "email" else "") if named else ("", "", "")),
        *(anchor.mrn if referenced else "", channel, person.language.upper()),
        *(*answers, comment),
        *(anchor.survey, anchor.dept, anchor.encounter, anchor.contact),
        *(person.born.isoformat() if named else "", invitation),
    )
    world.out.table("surveys", f"{anchor.survey}.csv", header()).row(row)
    world.truth.same("surveys", key, person.number)
