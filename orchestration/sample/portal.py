"""The portal: what people click, as Segment-spec events.

Belongs here: sessions and events, known and anonymous. Does not belong: what the clicks bring about elsewhere.
"""

from __future__ import annotations

from orchestration.sample import names
from orchestration.sample.booking import Appointment
from orchestration.sample.clock import MINUTE, TIME_ZONE, millis, month
from orchestration.sample.people import Person
from orchestration.sample.world import World
from orchestration.sample.write import Json

_AGENTS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36",
)


def event(world: World, kind: str, t: int, person: Person, body: Json) -> None:
    """Deliver one event; one in a hundred is sent twice by the tracker."""
    if t > world.period.end:
        return
    ms = world.between(0, 999)
    device = person.devices[t % len(person.devices)]
    record: Json = {
        "messageId": f"ajs-{world.uuid()}",
        "type": kind,
        "anonymousId": device,
        "originalTimestamp": millis(t, ms),
        "timestamp": millis(t, ms),
        "sentAt": millis(min(t + 1, world.period.end), ms),
        "receivedAt": millis(min(t + 1, world.period.end), 999),
        "context": {
            "timezone": TIME_ZONE,
            "userAgent": _AGENTS[person.number % len(_AGENTS)],
            "locale": f"{person.language}-US",
            "library": {"name": "analytics.js", "version": "4.1.0"},
        },
        "channel": "client",
        **body,
    }
    name = f"events/{month(t)}.ndjson"
    world.out.json("portal", name, "event", record)
    if world.chance(0.01):
        world.out.json("portal", name, "event", record)


def track(world: World, person: Person, t: int, name: str, **properties: object) -> None:
    """Deliver one known user's action."""
    event(world, "track", t, person, {"event": name, "userId": person.account, "properties": properties})


def sign_in(world: World, person: Person, t: int) -> int:
    """Log in, after some anonymous browsing and failed tries; returns when the user is in."""
    if world.chance(0.3):
        t = _browse(world, person, t)
    for _ in range(2):
        if not world.chance(0.07):
            break
        body = {"event": "Login Failed", "properties": {"reason": "wrong_password"}}
        event(world, "track", t, person, body)
        t += world.between(15, 70)
    track(world, person, t, "Logged In")
    new = "portal" not in person.moved_on
    if new:
        world.truth.same("portal", person.account, person.number)
    if new or world.chance(0.2):
        person.moved_on["portal"] = t
        _identify(world, person, t + 1)
    return t + world.between(10, 60)


def _browse(world: World, person: Person, t: int) -> int:
    """Look around before logging in: only the device is known."""
    body = {"name": "Home", "properties": {"path": "/", "title": "Home"}}
    event(world, "page", t, person, body)
    t += world.between(10, 90)
    event(
        world, "track", t, person, {"event": "Provider Searched", "properties": {"query_length": world.between(3, 12)}}
    )
    return t + world.between(20, 200)


def _identify(world: World, person: Person, t: int) -> None:
    """Tie the device to the account."""
    if world.chance(0.15):
        body = {"userId": person.account, "previousId": person.devices[t % len(person.devices)]}
        event(world, "alias", t, person, body)
        t += 1
    traits: Json = {
        "email": person.email,
        "birthday": person.born.isoformat(),
        "firstName": person.given,
        "lastName": person.family,
    }
    if world.chance(0.5):
        traits["phone"] = names.e164(person.phone)
    if person.tells_mrn:
        traits["mrn"], traits["mrn_system"] = person.records[0].mrn, person.records[0].mrn_system
    event(world, "identify", t, person, {"userId": person.account, "traits": traits})


def book(world: World, person: Person, t: int, appt: Appointment) -> None:
    """Search and book."""
    t = sign_in(world, person, t)
    track(world, person, t, "Provider Searched", department_id=appt.dept.id)
    t = max(t + 5, appt.booked)
    track(world, person, t, "Appointment Booked", appointment_id=appt.id, department_id=appt.dept.id)


def cancel(world: World, appt: Appointment, t: int) -> None:
    """Cancel online, if this is how the person does things."""
    if appt.person.account and world.chance(0.5):
        t = sign_in(world, appt.person, t - 2 * MINUTE)
        track(world, appt.person, t, "Appointment Cancelled", appointment_id=appt.id, department_id=appt.dept.id)


def result(world: World, person: Person, t: int, observation: str) -> None:
    """Look at a laboratory result."""
    if person.account and t <= world.period.end and world.chance(0.6):
        t = sign_in(world, person, t)
        track(world, person, t, "Result Viewed", result_id=observation)


def message(world: World, person: Person, t: int, thread: str, communication: str) -> None:
    """Send a message that the EHR holds as a Communication."""
    if t <= world.period.end:
        in_at = sign_in(world, person, t - 3 * MINUTE)
        track(world, person, max(in_at, t), "Message Sent", thread_id=thread, communication_id=communication)


def view_bill(world: World, person: Person, t: int, bill: tuple[str, int]) -> None:
    """Look at a statement (id, cents)."""
    if t <= world.period.end:
        t = sign_in(world, person, t - 3 * MINUTE)
        track(world, person, t, "Bill Viewed", statement_id=bill[0], amount=bill[1] / 100)


def pay_bill(world: World, person: Person, t: int, bill: tuple[str, int]) -> None:
    """Pay a statement (id, cents)."""
    track(world, person, t, "Bill Paid", statement_id=bill[0], amount=bill[1] / 100)
