"""The other formats that hospitals' systems speak, for the same people: files beside the default ones, on request.

Belongs here: what other vendors' phone systems, portals, survey tools and offices deliver, a little of each for every
person. Does not belong: what happened (the default formats tell it); these tell more of the same kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random

import orjson

from orchestration.sample import names
from orchestration.sample.clock import DAY, HOUR, MINUTE, Period, day, local, millis, offset, wall, zulu
from orchestration.sample.hospital import DEPARTMENTS
from orchestration.sample.people import Person
from orchestration.sample.world import World
from orchestration.sample.write import Json

_FIVE9 = [
    *("CALL ID", "TIMESTAMP", "CALL TYPE", "SKILL", "AGENT", "ANI", "DISPOSITION", "QUEUE WAIT TIME", "TALK TIME"),
    *("HOLD TIME", "AFTER CALL WORK TIME", "MRN"),
]
_ACCESS = [
    *("ACCESS_LOG_ID", "ACTION_NAME", "MYPT_ID", "PAT_MRN", "ACCESS_DTTM", "UPDATE_UTC_DTTM", "STATEMENT_ID"),
    *("RESULT_ID", "APPT_ID", "DEPARTMENT_ID"),
]
_MESSAGES = [
    *("MESSAGE_ID", "THREAD_ID", "TOFROM_PAT", "MYPT_ID", "PAT_MRN", "CREATED_DTTM", "UPDATE_UTC_DTTM"),
    *("DEPARTMENT_ID", "PROV_ID"),
]
_PLANS = [
    *("plan_id", "account_number", "statement_id", "amount", "installments", "agreed_at", "updated_at"),
    *("first_due_on", "status"),
]
_HCAHPS = {
    "Q1": ("nurse_respect", 0.85),
    "Q2": ("nurse_listen", 0.8),
    "Q3": ("nurse_explain", 0.7),
    "Q4": ("doctor_respect", 0.85),
    "Q9": ("staff_informed", 0.6),
}
_FREQUENCY = ("Never", "Sometimes", "Usually", "Always")
_ENGAGEMENT = ("I would recommend this hospital as a place to work.", "My work is valued.")
_ATTRIBUTES = (
    *("empowerment", "empathy", "ease", "disruption", "principles", "access", "price", "stature"),
    *("integrity", "resolution", "expectations", "time and effort", "personalization"),
)
_FORM = "https://riverside.example/Questionnaire/portal-visit-feedback"


@dataclass(frozen=True)
class _Teller:
    """Tells of one person at a time; its dice are its own, so that the default files stay the same bytes."""

    world: World
    rng: Random
    contacts: list[Json] = field(default_factory=list)  # of one page of CXone's API
    conversations: list[Json] = field(default_factory=list)  # of one page of Genesys Cloud's

    def moment(self, least_left: int = DAY) -> int:
        """Return an instant of office hours in the period, on a weekday."""
        period = self.world.period
        start = period.begin + self.rng.randrange(max(period.end - period.begin - least_left, 1))
        return start - (start - period.begin) % DAY + 14 * HOUR + self.rng.randrange(5 * HOUR)

    def key(self) -> str:
        """Return a fresh id."""
        return f"{self.rng.getrandbits(64):016x}"

    def table(self, source: str, name: str, header: Iterable[str]) -> _Rows:
        """Return a tab-separated file of its own folder."""
        return _Rows(self.world, source, name, list(header))


@dataclass(frozen=True)
class _Rows:
    """A tab-separated file: the header with its first row."""

    world: World
    source: str
    name: str
    header: Sequence[str]

    def row(self, values: Iterable[object]) -> None:
        out = self.world.out.output(self.source, self.name, "tsv")
        if not out.files:
            out.text("\t".join(self.header).encode() + b"\n", 0)
        out.line("\t".join("" if value is None else str(value) for value in values).encode())


def tell(world: World, people: Sequence[Person], seed: int) -> None:
    """Write the other formats for a panel of people."""
    teller = _Teller(world, Random(f"{seed}/formats/{world.panel}"))  # noqa: S311 - a simulation, not a secret
    for person in people:
        if person.died:
            continue
        _phone(teller, person)
        _portal(teller, person)
        _answers(teller, person)
        _plan(teller, person)
    _page(world, "cxone", teller.contacts, teller.contacts)
    _page(world, "genesys", {"conversations": teller.conversations}, teller.conversations)


def _phone(teller: _Teller, person: Person) -> None:
    """One call by each of the phone systems; one in five gives up."""
    rng, world = teller.rng, teller.world
    t, waited, gave_up = teller.moment(), rng.randrange(5, 300), rng.random() < 0.2
    talked = 0 if gave_up else rng.randrange(60, 600)
    agent = None if gave_up else f"agent{rng.randrange(1, 40):02d}"
    number, mrn = names.e164(person.phone), person.records[0].mrn
    clocks = [f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in (waited, talked, 0, 30 if talked else 0)]
    stamp = local(t).strftime("%a, %d %b %Y %H:%M:%S")
    table = world.out.table("call_center_five9", f"five9/calls-{day(t):%Y-%m}.csv", [_FIVE9])
    table.row((f"f9-{teller.key()}", stamp, "Inbound", "Nurse", agent, number, "medical_question", *clocks, mrn))
    contact = f"cx-{teller.key()}"
    cxone = {
        **{"contactId": contact, "masterContactId": contact, "contactStart": millis(t + HOUR, 0)},
        **{"lastUpdateTime": millis(t + HOUR + waited + talked, 0), "mediaTypeName": "Call", "isOutbound": False},
        **{"skillName": "Scheduling", "agentId": agent, "fromAddress": number, "inQueueSeconds": waited},
        **{"agentSeconds": talked, "holdSeconds": 0, "acwSeconds": 30 if talked else 0, "abandoned": gave_up},
        "primaryDispositionName": "schedule_appointment",
    }
    teller.contacts.append(cxone)
    ended = t + 2 * HOUR + waited + talked
    twilio = {
        **{"sid": f"CA{teller.key()}", "parent_call_sid": None, "from": number, "to": "+18005550100"},
        **{"start_time": _rfc2822(t + 2 * HOUR), "end_time": _rfc2822(ended), "date_updated": _rfc2822(ended + 1)},
        **{"direction": "inbound", "status": "no-answer" if gave_up else "completed", "duration": str(talked)},
    }
    world.out.json("call_center_twilio", f"twilio/calls-{day(t):%Y-%m}.ndjson", "call", twilio)
    told = _conversation(f"gc-{teller.key()}", t + 3 * HOUR, (waited, talked), (agent, number, mrn))
    teller.conversations.append(told)


def _page(world: World, vendor: str, content: object, records: Sequence[Json]) -> None:
    """Write one page of a vendor's API as a file."""
    name = f"{vendor}/page-{world.panel:04d}.json"
    world.out.output(f"call_center_{vendor}", name, vendor).text(orjson.dumps(content), len(records))


def _conversation(name: str, t: int, seconds: tuple[int, int], who: tuple[str | None, str, str]) -> Json:
    """Return a Genesys conversation: a wait of an acd participant, then maybe a talk with an agent."""
    (waited, talked), (agent, number, mrn) = seconds, who
    end = t + waited + talked

    def session(purpose: str, start: int, stop: int, **more: object) -> Json:
        segment = {"segmentType": "interact", "segmentStart": millis(start, 0), "segmentEnd": millis(stop, 0), **more}
        return {"purpose": purpose, "sessions": [{"mediaType": "voice", "ani": f"tel:{number}", "segments": [segment]}]}

    participants = [
        session("customer", t, end) | {"attributes": {"mrn": mrn, "reason": "refill"}},
        session("acd", t, t + waited, queueId="pharmacy"),
    ]
    if agent:
        participants.append(session("agent", t + waited, end) | {"userId": agent})
    return {
        **{"conversationId": name, "conversationStart": millis(t, 0), "conversationEnd": millis(end, 0)},
        **{"originatingDirection": "inbound", "participants": participants},
    }


def _rfc2822(t: int) -> str:
    return local(t).strftime("%a, %d %b %Y %H:%M:%S %z")


def _portal(teller: _Teller, person: Person) -> None:
    """A visit to the portal by extracts, by Snowplow and by AuditEvents."""
    if not person.account:
        return
    rng, world = teller.rng, teller.world
    t, mrn, dept = teller.moment(2 * DAY), person.records[0].mrn, rng.choice(list(DEPARTMENTS))
    access = teller.table("portal_extracts", f"extracts/access-{day(t):%Y-%m}.tsv", _ACCESS)
    for minute, action in enumerate(("Login", "View test result", "View statement")):
        at = t + minute * MINUTE
        row = (teller.key(), action, person.account, mrn, _clock(at), _utc_clock(at), None, None, None, dept)
        access.row(row)
    thread, replied = teller.key(), t + rng.randrange(HOUR, 30 * HOUR)
    messages = teller.table("portal_extracts", f"extracts/messages-{day(t):%Y-%m}.tsv", _MESSAGES)
    for at, way in ((t + 5 * MINUTE, "From Patient"), (replied, "To Patient")):
        messages.row((teller.key(), thread, way, person.account, mrn, _clock(at), _utc_clock(at), dept, None))
    _snowplow(teller, person, t + DAY)
    patient = f"Patient/{person.records[0].patient_id}"
    for number, (code, action, seen) in enumerate(
        (("110122", "E", None), ("read", "R", f"Observation/{teller.key()}"))
    ):
        at = t + DAY + HOUR + number * MINUTE
        world.out.json(
            "ehr_portal", "AuditEvent.ndjson", "AuditEvent", _audit(teller.key(), patient, at, (code, action, seen))
        )


def _audit(key: str, patient: str, at: int, what: tuple[str, str, str | None]) -> Json:
    code, action, seen = what
    entities = [{"what": {"reference": one}} for one in (patient, seen) if one]
    return {
        **{"resourceType": "AuditEvent", "id": key, "meta": {"lastUpdated": zulu(at)}},
        "type": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110114"},
        **{"subtype": [{"code": code}], "action": action, "recorded": zulu(at), "outcome": "0"},
        "agent": [{"requestor": True, "who": {"reference": patient}}],
        **{"source": {"observer": {"display": "portal"}}, "entity": entities},
    }


def _snowplow(teller: _Teller, person: Person, t: int) -> None:
    """One enriched event: 131 columns, most of them empty."""
    row = [""] * 131
    stamp = f"{millis(t, 0)[:-1]}".replace("T", " ")
    for column, value in ((3, stamp), (5, "unstruct"), (6, teller.key()), (12, person.account), (15, teller.key())):
        row[column] = value
    row[126], row[130] = "login", stamp
    teller.world.out.output("portal_snowplow", f"snowplow/{day(t):%Y-%m}.tsv", "tsv").line("\t".join(row).encode())


def _clock(t: int) -> str:
    return local(t).strftime("%m/%d/%Y %I:%M:%S %p")


def _utc_clock(t: int) -> str:
    stamp = zulu(t)
    hour = int(stamp[11:13])
    return (
        f"{stamp[5:7]}/{stamp[8:10]}/{stamp[:4]} {(hour - 1) % 12 + 1:02d}:{stamp[14:19]} {'PM' if hour > 11 else 'AM'}"
    )


def _answers(teller: _Teller, person: Person) -> None:
    """An inpatient survey by HCAHPS items, and a questionnaire answered in the portal."""
    rng, world = teller.rng, teller.world
    t = teller.moment()
    if rng.random() < 0.3:
        imports = [{"ImportId": "_recordId"}, {"ImportId": "recordedDate", "timeZone": "America/New_York"}]
        imports += [{"ImportId": "externalDataReference"}, {"ImportId": "finished"}]
        imports += [{"ImportId": question} for question in _HCAHPS]
        header = ["ResponseId", "RecordedDate", "ExternalReference", "Finished", *_HCAHPS]
        rows = [header, header, [orjson.dumps(one).decode() for one in imports]]
        said = [rng.choices(_FREQUENCY, (1, 2, 10, 100 * share))[0] for _, share in _HCAHPS.values()]
        table = world.out.table("surveys_hcahps", "inpatient_hcahps.csv", rows)
        table.row((f"R_{teller.key()}", wall(t), person.records[0].mrn, "True", *said))
    if person.account and rng.random() < 0.3:
        world.out.json("ehr_portal", "QuestionnaireResponse.ndjson", "QuestionnaireResponse", _form(teller, person, t))


def _form(teller: _Teller, person: Person, t: int) -> Json:
    rng = teller.rng
    answers = {
        "recommend": {"valueInteger": rng.randrange(4, 11)},
        "satisfied": {"valueInteger": rng.randrange(2, 6)},
        "provider-listened": {"valueCoding": {"code": rng.choice(("sometimes", "usually", "always", "always"))}},
        "provider-respected": {"valueCoding": {"code": rng.choice(("usually", "always", "always"))}},
    }
    return {
        **{"resourceType": "QuestionnaireResponse", "id": teller.key(), "meta": {"lastUpdated": zulu(t)}},
        **{"questionnaire": f"{_FORM}|1", "status": "completed", "authored": offset(t)},
        "subject": {"reference": f"Patient/{person.records[0].patient_id}"},
        "item": [{"linkId": link, "answer": [answer]} for link, answer in answers.items()],
    }


def _plan(teller: _Teller, person: Person) -> None:
    """One person in ten pays a bill in parts."""
    rng = teller.rng
    if rng.random() < 0.1:
        t = teller.moment()
        table = teller.world.out.table("billing_plans", f"plans/plans-{day(t):%Y-%m}.csv", [_PLANS])
        amount = f"{rng.randrange(100, 2000)}.00"
        row = (teller.key(), f"plan-{person.number}", None, amount, rng.choice((3, 6, 12)), wall(t), wall(t))
        table.row((*row, day(t + 30 * DAY), rng.choice(("active", "completed", "broken"))))


def context(world: World, seed: int) -> None:
    """Write what is about departments and brands rather than people: reviews, engagement, changes, market research."""
    rng, out, period = Random(f"{seed}/context"), world.out, world.period  # noqa: S311
    reviews = out.table(
        "surveys_context", "reviews.csv", [["site", "review_id", "department_id", "rating", "text", "posted_at"]]
    )
    engagement = out.table(
        "staff_context",
        "engagement.csv",
        [["response_id", "department_id", "answered_on", "question", "score", "scale_min", "scale_max"]],
    )
    for number, department in enumerate(DEPARTMENTS):
        for review in range(30):
            t = period.begin + rng.randrange(period.end - period.begin)
            t = t - t % DAY + 17 * HOUR
            rating = rng.choices((1, 2, 3, 4, 5), (1, 1, 2, 4, 6))[0]
            reviews.row(("maps", f"{number}-{review}", department, rating, "Good people.", wall(t)))
            for question in _ENGAGEMENT:
                score = rng.choices((1, 2, 3, 4, 5), (1, 2, 3, 5, 3))[0]
                engagement.row((f"{number}-{review}", department, day(t), question, score, 1, 5))
    _research(world, rng)
    changes = out.table(
        "staff_context",
        "department_changes.csv",
        [["change_id", "department_id", "changed_on", "change", "into_department_id"]],
    )
    changes.row(("1", "primary-west", day(_middle(period)), "moved", None))


def _research(world: World, rng: Random) -> None:
    header = ["wave", "fielded_on", "brand", "generation", "sub_sector", "attribute", "respondents", "score"]
    table = world.out.table("surveys_context", "attributes.csv", [[*header, "scale_min", "scale_max"]])
    fielded = day(_middle(world.period))
    for brand in ("Riverside", "Harbor Clinics"):
        for generation in ("All", "Gen Z", "Millennial", "Gen X", "Boomer"):
            for attribute in _ATTRIBUTES:
                score, people = round(rng.uniform(4, 9), 1), rng.randrange(5, 400)
                table.row((fielded.year, fielded, brand, generation, "primary_care", attribute, people, score, 0, 10))


def _middle(period: Period) -> int:
    return (period.begin + period.end) // 2
