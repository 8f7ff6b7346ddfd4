"""The call centre, as Amazon Connect contact records.

Belongs here: calls, chats, callbacks, transfers, and the calls they lead to. Does not belong: what was asked for.
Contact records come at least once: some twice with a newer LastUpdateTimestamp.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestration.sample import names, surveys
from orchestration.sample.clock import DAY, HOUR, MINUTE, local, month, zulu
from orchestration.sample.people import Person
from orchestration.sample.world import World
from orchestration.sample.write import Json

_ARN = "arn:aws:connect:us-east-1:000000000000:instance/riverside"
_QUEUES = {
    "schedule_appointment": "Scheduling",
    "billing_question": "Billing",
    "medical_question": "Nurse Line",
    "refill": "Pharmacy",
}
_LOAD = (0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.6, 1.3, 1.7, 1.5, 1.2, 1.1, 1.2, 1.2, 1.0, 0.9, 0.8, 0.6, 0.5, 0.4, 0.3)


@dataclass(frozen=True)
class Matter:
    """What a call is about."""

    reason: str
    dept: str | None = None
    appointment: str | None = None
    repeats: int = 0


@dataclass
class Contact:
    """One contact being built."""

    body: Json
    ended: int = 0
    queue_seconds: int = 0
    connected: int | None = None
    attributes: Json = field(default_factory=dict)


def load(t: int) -> float:
    """Return how busy the call centre is (1 = usual): by hour, Mondays, and in winter."""
    now = local(t)
    hourly = _LOAD[now.hour] if now.hour < len(_LOAD) else 0.3
    return hourly * (1.5 if now.weekday() == 0 else 0.5 if now.weekday() > 4 else 1.0) * (1.2 if now.month < 3 else 1.0)


def ring(world: World, person: Person, t: int, matter: Matter) -> int:
    """Call (or chat) about a matter; returns when it was settled, or -1 when it was not."""
    if t > world.period.end:
        return -1
    if person.account and world.chance(0.12):
        return _chat(world, person, t, matter)
    if not 7 <= local(t).hour < 20:
        return _voicemail(world, person, t, matter)
    wait = int(world.rng.expovariate(1 / (95 * load(t))))
    first = _contact(world, person, matter, ("VOICE", "INBOUND"), t)
    if wait > 240 and world.chance(0.35):
        return _callback(world, person, matter, first, wait)
    if wait > person.patience * MINUTE:
        _queue(first, matter, t + world.between(20, 45), int(person.patience * MINUTE) + 5)
        first.ended = t + first.queue_seconds + 46
        first.body["DisconnectReason"] = "CUSTOMER_DISCONNECT"
        _deliver(world, person, first)
        _again(world, person, t, matter, world.between(10, 300) * MINUTE)
        return -1
    _queue(first, matter, t + world.between(20, 45), wait)
    return _talk(world, person, matter, first)


def _contact(world: World, person: Person, matter: Matter, how: tuple[str, str], t: int) -> Contact:
    channel, method = how
    key = world.uuid()
    body: Json = {
        "ContactId": key,
        "InitialContactId": key,
        "PreviousContactId": None,
        "NextContactId": None,
        "AWSAccountId": "000000000000",
        "InstanceARN": _ARN,
        "Channel": channel,
        "InitiationMethod": method,
        "InitiationTimestamp": zulu(t),
        "ConnectedToSystemTimestamp": zulu(t + 1),
        "CustomerEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": names.e164(person.phone)},
        "SystemEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": "+18005550100"},
        "Queue": None,
        "Agent": None,
        "TransferCompletedTimestamp": None,
    }
    if channel == "CHAT":
        body["CustomerEndpoint"] = body["SystemEndpoint"] = None
    contact = Contact(body, ended=t + 40)
    contact.attributes = {"reason": matter.reason}
    if matter.dept:
        contact.attributes["department_id"] = matter.dept
    _introduce(world, person, contact.attributes, known=channel == "CHAT")
    return contact


def _introduce(world: World, person: Person, attributes: Json, known: bool) -> None:
    """Say who is calling, as far as callers do: verified, by name and birth date, by first name, or not at all."""
    draw = world.rng.random()
    if known or draw < 0.4:
        attributes["mrn"] = person.records[0].mrn
    if known or draw < 0.75:
        attributes["last_name"] = person.family
        attributes["date_of_birth"] = person.born.isoformat()
    if known or draw < 0.93:
        attributes["first_name"] = person.given


def _queue(contact: Contact, matter: Matter, entered: int, seconds: int) -> None:
    """Let the contact wait in its queue."""
    name = _QUEUES.get(matter.reason, "General")
    contact.queue_seconds = seconds
    contact.body["Queue"] = {
        "ARN": f"{_ARN}/queue/{name.lower().replace(' ', '-')}",
        "Name": name,
        "EnqueueTimestamp": zulu(entered),
        "DequeueTimestamp": zulu(entered + seconds),
        "Duration": seconds,
    }
    contact.connected = entered + seconds


def _agent(world: World, contact: Contact, talk: int) -> None:
    """Let an agent take the contact for ``talk`` seconds."""
    rng, number, start = world.rng, world.between(1, 40), contact.connected or 0
    holds = rng.choices((0, 1, 2), (70, 22, 8))[0]
    hold = sum(world.between(15, 150) for _ in range(holds))
    after = world.between(10, 120)
    contact.ended = start + talk + hold
    contact.body["Agent"] = {
        "ARN": f"{_ARN}/agent/{number}",
        "Username": f"agent{number:02d}",
        "ConnectedToAgentTimestamp": zulu(start),
        "AgentInteractionDuration": talk,
        "CustomerHoldDuration": hold,
        "NumberOfHolds": holds,
        "LongestHoldDuration": min(hold, 150) if holds else 0,
        "AfterContactWorkDuration": after,
        "AfterContactWorkStartTimestamp": zulu(contact.ended),
        "AfterContactWorkEndTimestamp": zulu(contact.ended + after),
    }


def _talk(world: World, person: Person, matter: Matter, contact: Contact) -> int:
    """Talk to an agent, maybe be transferred, and hang up with the matter settled or not."""
    _agent(world, contact, max(40, int(world.rng.lognormvariate(5.4, 0.5))))
    last = contact
    if world.chance(0.1):
        last = _contact(world, person, matter, ("VOICE", "TRANSFER"), contact.ended)
        last.attributes = dict(contact.attributes)
        last.body["InitialContactId"] = contact.body["InitialContactId"]
        last.body["PreviousContactId"] = contact.body["ContactId"]
        contact.body["NextContactId"] = last.body["ContactId"]
        contact.body["TransferCompletedTimestamp"] = zulu(contact.ended)
        _queue(last, matter, contact.ended + 5, int(world.rng.expovariate(1 / 60)))
        _agent(world, last, max(40, int(world.rng.lognormvariate(5.4, 0.5))))
        contact.body["DisconnectReason"] = "CONTACT_FLOW_DISCONNECT"
        _deliver(world, person, contact)
    resolved = world.chance(0.9 if matter.reason == "schedule_appointment" else 0.76)
    return _hang_up(world, person, matter, last, resolved)


def _hang_up(world: World, person: Person, matter: Matter, contact: Contact, resolved: bool) -> int:
    contact.attributes["resolved"] = "true" if resolved else "false"
    if resolved and matter.appointment:
        contact.attributes["appointment_id"] = matter.appointment
    contact.body["DisconnectReason"] = "CUSTOMER_DISCONNECT" if world.chance(0.7) else "AGENT_DISCONNECT"
    _deliver(world, person, contact)
    key = str(contact.body["ContactId"])
    facts = surveys.CallFacts(key, matter.dept, contact.queue_seconds, resolved, matter.repeats)
    surveys.after_call(world, person, contact.ended, facts)
    if resolved:
        return contact.ended if contact.ended <= world.period.end else -1
    person.troubles += 1
    _again(world, person, contact.ended, matter, int(world.rng.uniform(0.5, 5) * DAY))
    return -1


def _again(world: World, person: Person, t: int, matter: Matter, pause: int) -> None:
    """Call again about an unsettled matter; bookings are asked for again by their own rule."""
    if matter.reason == "schedule_appointment" or matter.repeats >= 3 or not world.chance(0.6):
        return
    later = Matter(matter.reason, matter.dept, matter.appointment, matter.repeats + 1)
    when = t + pause
    hour = local(when).hour
    when += (9 - hour) % 24 * HOUR if not 8 <= hour < 18 else 0
    world.at(when, lambda now: settle(world, person, now, later))


def settle(world: World, person: Person, t: int, matter: Matter) -> None:
    """Call about a matter that nothing else waits for."""
    if not person.died:
        ring(world, person, t, matter)


def _callback(world: World, person: Person, matter: Matter, first: Contact, wait: int) -> int:
    """Ask to be called back: the first leg ends unanswered, the callback leg carries the whole wait."""
    asked = first.ended + world.between(30, 60)
    _queue(first, matter, first.ended, asked - first.ended)
    back = _contact(world, person, matter, ("VOICE", "CALLBACK"), asked)
    back.attributes = dict(first.attributes)
    back.body["InitialContactId"] = back.body["PreviousContactId"] = first.body["ContactId"]
    first.body["NextContactId"] = back.body["ContactId"]
    first.body["DisconnectReason"] = "CONTACT_FLOW_DISCONNECT"
    first.attributes["callback_requested"] = "true"
    first.ended = asked
    _deliver(world, person, first)
    _queue(back, matter, asked + 1, wait)
    if world.chance(0.15):
        back.ended = asked + wait + 30
        back.body["DisconnectReason"] = "CONTACT_FLOW_DISCONNECT"
        _deliver(world, person, back)
        _again(world, person, back.ended, matter, world.between(60, 400) * MINUTE)
        return -1
    return _talk(world, person, matter, back)


def _voicemail(world: World, person: Person, t: int, matter: Matter) -> int:
    """Leave a message out of hours; it becomes a task for the next morning."""
    first = _contact(world, person, matter, ("VOICE", "INBOUND"), t)
    first.attributes["voicemail"] = "true"
    first.ended = t + world.between(25, 90)
    first.body["DisconnectReason"] = "CUSTOMER_DISCONNECT"
    opened = first.ended + (8 - local(first.ended).hour) % 24 * HOUR
    task = _contact(world, person, matter, ("TASK", "API"), opened)
    task.attributes = dict(first.attributes)
    task.body["InitialContactId"] = task.body["PreviousContactId"] = first.body["ContactId"]
    first.body["NextContactId"] = task.body["ContactId"]
    _deliver(world, person, first)
    if opened > world.period.end:
        return -1
    _queue(task, matter, opened + 1, world.between(60, 3000))
    _agent(world, task, world.between(60, 400))
    return _hang_up(world, person, matter, task, world.chance(0.85))


def _chat(world: World, person: Person, t: int, matter: Matter) -> int:
    """Chat from the portal."""
    contact = _contact(world, person, matter, ("CHAT", "API"), t)
    _queue(contact, matter, t + 5, int(world.rng.expovariate(1 / (45 * load(t)))))
    _agent(world, contact, max(60, int(world.rng.lognormvariate(6.1, 0.4))))
    return _hang_up(world, person, matter, contact, world.chance(0.82))


def _deliver(world: World, person: Person, contact: Contact) -> None:
    """Deliver the contact record, if it ended within the period; some twice, once before it was complete."""
    if contact.ended + 150 > world.period.end:
        return
    body = contact.body
    world.truth.same("call_center", str(body["ContactId"]), person.number)
    body["DisconnectTimestamp"] = zulu(contact.ended)
    body["Attributes"] = contact.attributes
    name = f"{month(contact.ended).replace('-', '/')}/contacts.ndjson"
    final = {**body, "LastUpdateTimestamp": zulu(contact.ended + 140)}
    if world.chance(0.04):
        early = {**body, "Attributes": {**contact.attributes}, "LastUpdateTimestamp": zulu(contact.ended + 10)}
        early["Attributes"].pop("resolved", None)
        world.out.json("call_center", name, "contact", early)
    world.out.json("call_center", name, "contact", final)
    if world.chance(0.01):
        world.out.json("call_center", name, "contact", final)
