"""What a Genesys Cloud conversation says about its legs: who waited in which queue, and which agent took it.

Belongs here: the conversation detail model (participants, sessions, segments) brought to contacts.
Does not belong: files and raw tables (``genesys``). Times are UTC, metrics milliseconds, durations of contacts seconds.

Each time a conversation waits in a queue (a session of an ``acd`` participant) is a leg; one that was never queued is
one leg. A leg's agent is the first to talk after its queue began and before the next leg's did.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

#: Media of a session to the channel of a contact; other media (screen shares) are no contacts.
CHANNELS = {"voice": "VOICE", "callback": "VOICE", "chat": "CHAT", "message": "CHAT", "email": "EMAIL"}

Contact = dict[str, Any]


class UnreadableError(ValueError):
    """A conversation that cannot be read; ``rule`` and ``element`` as in `rejects`."""

    def __init__(self, rule: str, element: str) -> None:
        super().__init__(rule)
        self.rule, self.element = rule, element


@dataclass(frozen=True)
class _Segment:
    kind: str
    start: datetime
    end: datetime | None
    said: Mapping[str, Any]


@dataclass(frozen=True)
class _Session:
    purpose: str
    media: str
    participant: Mapping[str, Any]
    said: Mapping[str, Any]
    segments: Sequence[_Segment]

    @property
    def start(self) -> datetime:
        return self.segments[0].start

    @property
    def end(self) -> datetime | None:
        ends = [segment.end for segment in self.segments]
        return None if None in ends else max(end for end in ends if end)

    def of_kind(self, kind: str) -> list[_Segment]:
        return [segment for segment in self.segments if segment.kind == kind]

    def seconds(self, kind: str) -> float:
        return sum((s.end - s.start).total_seconds() for s in self.of_kind(kind) if s.end)

    def metric(self, *names: str) -> float | None:
        """Return the first stated metric of these, in seconds."""
        stated = {metric.get("name"): metric.get("value") for metric in objects(self.said, "metrics")}
        values = (stated.get(name) for name in names)
        return next((value / 1000 for value in values if isinstance(value, int | float)), None)


def legs_of(conversation: Mapping[str, Any]) -> list[Contact]:
    """Return a conversation's legs in order, as rows of `contact` (attributes and names of queues are the reader's).

    Raises:
        UnreadableError: the id or start is missing, a time is none, or time runs backwards.
    """
    conversation_id = text(conversation.get("conversationId"))
    if not conversation_id:
        raise UnreadableError("required", "conversationId")
    began = moment(conversation.get("conversationStart"), "conversationStart")
    if began is None:
        raise UnreadableError("required", "conversationStart")
    ended = moment(conversation.get("conversationEnd"), "conversationEnd")
    if ended is not None and ended < began:
        raise UnreadableError("end_before_start", "conversationEnd")
    sessions = sorted(_sessions(conversation), key=lambda session: session.start)
    queues = [session for session in sessions if session.purpose == "acd" and session.media in CHANNELS]
    latest = max([began, *(s.end or s.start for session in sessions for s in session.segments)])
    common = {
        "initial_contact_id": conversation_id,
        "last_updated_at": ended or latest,
        **_customer(sessions),
    }
    starts = [queue.start for queue in queues]
    legs = []
    queued: Sequence[_Session | None] = queues or [None]
    for number, queue in enumerate(queued):
        until = starts[number + 1] if number + 1 < len(starts) else None
        since = queue.start if queue else began
        agent = next((s for s in sessions if _talks_within(s, since, until)), None)
        last = number + 1 >= len(queues)
        over = ended if last else (agent.end if agent else None) or (queue.end if queue else None)
        media = next((session.media for session in (queue, agent, *sessions) if session), "voice")
        legs.append(
            {
                **common,
                **_identity(conversation_id, number, len(queues)),
                "channel": CHANNELS.get(media, "VOICE"),
                "initiation_method": _initiation(number, media, conversation),
                "initiated_at": since if number else began,
                "disconnected_at": over,
                **_queue_columns(queue),
                **_agent_columns(agent),
            }
        )
    return legs


def moment(stated: object, element: str) -> datetime | None:
    """Return an ISO time as UTC without zone; times without offset are UTC.

    Raises:
        UnreadableError: it is no time.
    """
    if stated is None:
        return None
    try:
        read = datetime.fromisoformat(str(stated))
    except ValueError:
        raise UnreadableError("timestamp_invalid", element) from None
    return read.astimezone(UTC).replace(tzinfo=None) if read.tzinfo else read


def objects(parent: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the objects listed under ``key``, none where there is no list.

    Raises:
        UnreadableError: something else stands there.
    """
    found = parent.get(key) or []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise UnreadableError("json_invalid", key)
    return found


def text(value: object) -> str | None:
    """Return a value as text, null as null."""
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _sessions(conversation: Mapping[str, Any]) -> Iterator[_Session]:
    for participant in objects(conversation, "participants"):
        for said in objects(participant, "sessions"):
            segments = [_segment(segment) for segment in objects(said, "segments")]
            if segments:
                ordered = sorted(segments, key=lambda segment: segment.start)
                yield _Session(str(participant.get("purpose")), str(said.get("mediaType")), participant, said, ordered)


def _segment(said: Mapping[str, Any]) -> _Segment:
    start, end = moment(said.get("segmentStart"), "segmentStart"), moment(said.get("segmentEnd"), "segmentEnd")
    if start is None:
        raise UnreadableError("required", "segmentStart")
    if end is not None and end < start:
        raise UnreadableError("end_before_start", "segmentEnd")
    return _Segment(str(said.get("segmentType")), start, end, said)


def _talks_within(session: _Session, since: datetime, until: datetime | None) -> bool:
    talks = session.of_kind("interact") if session.purpose in ("agent", "user") else []
    return bool(talks) and talks[0].start >= since and (until is None or talks[0].start < until)


def _identity(conversation_id: str, number: int, legs: int) -> Contact:
    """The first leg has the conversation's id, later ones a number after it."""
    names = [conversation_id, *(f"{conversation_id}#{n + 1}" for n in range(1, legs))]
    return {
        "contact_id": names[number],
        "previous_contact_id": names[number - 1] if number else None,
        "next_contact_id": names[number + 1] if number + 1 < len(names) else None,
    }


def _initiation(number: int, media: str, conversation: Mapping[str, Any]) -> str:
    if media == "callback":
        return "CALLBACK"
    if number:
        return "TRANSFER"
    return "OUTBOUND" if conversation.get("originatingDirection") == "outbound" else "INBOUND"


def _customer(sessions: Sequence[_Session]) -> Contact:
    found = next((s for s in sessions if s.purpose in ("customer", "external")), None)
    if found is None:
        return {}
    number = str(found.said.get("ani") or "").removeprefix("tel:")
    return {
        "customer_endpoint": number or None,
        "customer_endpoint_type": "TELEPHONE_NUMBER" if number and found.media in ("voice", "callback") else None,
        "system_endpoint": str(found.said.get("dnis") or "").removeprefix("tel:") or None,
        "disconnect_reason": text(found.segments[-1].said.get("disconnectType")),
    }


def _queue_columns(queue: _Session | None) -> Contact:
    if queue is None:
        return {}
    waited = queue.metric("tAcd", "tAbandon")
    if waited is None and queue.end:
        waited = (queue.end - queue.start).total_seconds()
    return {
        "queue_name": next((text(s.said["queueId"]) for s in queue.segments if s.said.get("queueId")), None),
        "queued_at": queue.start,
        "dequeued_at": queue.end,
        "queue_seconds": waited,
    }


def _agent_columns(agent: _Session | None) -> Contact:
    if agent is None:
        return {}
    wrapped = agent.metric("tAcw")
    return {
        "agent": text(agent.participant.get("userId")),
        "connected_to_agent_at": agent.of_kind("interact")[0].start,
        "talk_seconds": agent.seconds("interact"),
        "hold_seconds": agent.seconds("hold"),
        "holds": len(agent.of_kind("hold")),
        "after_call_work_seconds": agent.seconds("wrapup") if wrapped is None else wrapped,
        "wrap_up_code": next((s.said["wrapUpCode"] for s in agent.of_kind("wrapup") if s.said.get("wrapUpCode")), None),
    }
