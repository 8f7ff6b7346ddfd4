"""Generated deliveries of portals and call centres: good records, of any number, in each vendor's shape.

Belongs here: one record of each shape as a line of its file. Does not belong: measuring.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from orchestration.pull.snowplow import FIELDS

_START = datetime(2024, 1, 1, tzinfo=UTC)


def write_file(path: Path, kind: str, size: int) -> None:
    """Write at least ``size`` bytes of records of one kind (a key of ``KINDS``)."""
    _, header, line = KINDS[kind]
    with path.open("w", encoding="utf-8") as out:
        out.write(header)
        number = 0
        while out.tell() < size:
            out.write("".join(line(number + n) + "\n" for n in range(1000)))
            number += 1000


def _at(number: int, seconds: int = 0) -> str:
    return f"{_START + timedelta(seconds=number * 7 + seconds):%Y-%m-%dT%H:%M:%S}.000Z"


def _segment(number: int) -> str:
    return json.dumps(
        {
            "messageId": f"m-{number:012d}",
            "type": "track",
            "event": ("Logged In", "Result Viewed", "Bill Viewed", "Message Sent")[number % 4],
            "userId": f"user-{number % 50_000}",
            "anonymousId": f"a-{number % 70_000:08d}",
            "timestamp": _at(number),
            "originalTimestamp": _at(number),
            "sentAt": _at(number, 1),
            "receivedAt": _at(number, 2),
            "properties": {"result_id": f"obs-{number}", "department_id": f"dep-{number % 40}"},
            "context": {
                "timezone": "America/New_York",
                "userAgent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0",
                "page": {"path": "/results", "title": "Results"},
            },
        }
    )


def _connect(number: int) -> str:
    agent = {
        "ARN": f"arn:aws:connect:us-east-1:111122223333:instance/i/agent/{number % 300}",
        "Username": f"agent{number % 300}",
        "ConnectedToAgentTimestamp": _at(number, 60),
        "AgentInteractionDuration": 180,
        "CustomerHoldDuration": 20,
        "NumberOfHolds": 1,
        "AfterContactWorkDuration": 30,
    }
    queue = {
        "ARN": "arn:aws:connect:us-east-1:111122223333:instance/i/queue/q",
        "Name": "Scheduling",
        "EnqueueTimestamp": _at(number, 10),
        "DequeueTimestamp": _at(number, 60),
        "Duration": 50,
    }
    return json.dumps(
        {
            "ContactId": f"c-{number:012d}",
            "InitialContactId": f"c-{number:012d}",
            "Channel": "VOICE",
            "InitiationMethod": "INBOUND",
            "InitiationTimestamp": _at(number),
            "ConnectedToSystemTimestamp": _at(number),
            "DisconnectTimestamp": _at(number, 260),
            "DisconnectReason": "CUSTOMER_DISCONNECT",
            "LastUpdateTimestamp": _at(number, 300),
            "CustomerEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": f"+1617555{number % 10_000:04d}"},
            "SystemEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": "+18005550100"},
            "Queue": queue,
            "Agent": agent,
            "Attributes": {"reason": "schedule_appointment", "resolved": "true", "department_id": f"dep-{number % 40}"},
        }
    )


def _genesys(number: int) -> str:
    spoken = {
        "mediaType": "voice",
        "sessionId": f"s-{number}",
        "direction": "inbound",
        "ani": f"tel:+1617555{number % 10_000:04d}",
        "segments": [{"segmentType": "interact", "segmentStart": _at(number), "segmentEnd": _at(number, 240)}],
    }
    queued = {
        "segmentType": "interact",
        "queueId": "q1",
        "segmentStart": _at(number, 10),
        "segmentEnd": _at(number, 60),
    }
    return json.dumps(
        {
            "conversationId": f"g-{number:012d}",
            "conversationStart": _at(number),
            "conversationEnd": _at(number, 260),
            "originatingDirection": "inbound",
            "participants": [
                {"purpose": "customer", "sessions": [spoken], "attributes": {"reason": "schedule_appointment"}},
                {"purpose": "acd", "sessions": [{**spoken, "segments": [{"segmentType": "interact", **queued}]}]},
                {
                    "purpose": "agent",
                    "userId": f"u{number % 300}",
                    "sessions": [
                        {
                            **spoken,
                            "metrics": [{"name": "tTalkComplete", "value": 180_000, "emitDate": _at(number, 250)}],
                            "segments": [
                                {"segmentType": "interact", "segmentStart": _at(number, 60), "queueId": "q1"}
                                | {"segmentEnd": _at(number, 240)}
                            ],
                        }
                    ],
                },
            ],
        }
    )


def _snowplow(number: int) -> str:
    inner = {"schema": "iglu:example.hospital/viewed/jsonschema/1-0-0", "data": {"result_id": f"obs-{number}"}}
    told = _at(number)[:-1].replace("T", " ")
    said = {
        "app_id": "portal",
        "platform": "web",
        "event": "unstruct",
        "event_id": f"e-{number:012d}",
        "event_name": "viewed",
        "user_id": f"user-{number % 50_000}",
        "domain_userid": f"a-{number % 70_000:08d}",
        "page_title": "Results",
        "os_timezone": "America/New_York",
        "useragent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0",
        "unstruct_event": json.dumps({"schema": "iglu:unstruct_event/jsonschema/1-0-0", "data": inner}),
        **dict.fromkeys(("collector_tstamp", "dvce_created_tstamp", "dvce_sent_tstamp", "derived_tstamp"), told),
    }
    return "\t".join(said.get(name, "") for name in FIELDS)


_FIVE9 = (
    "CALL ID,TIMESTAMP,CALL TYPE,SKILL,AGENT,ANI,QUEUE WAIT TIME,TALK TIME,HOLD TIME,AFTER CALL WORK TIME,"
    "DISPOSITION,MRN\n"
)


def _five9(number: int) -> str:
    began = _START + timedelta(seconds=number * 7 % 5_000_000)
    return (
        f'{number},"{began:%a, %d %b %Y %H:%M:%S}",Inbound,Scheduling,agent{number % 300},617555{number % 10_000:04d},'
        f"00:00:{number % 60:02d},00:03:{number % 60:02d},00:00:20,00:00:30,Appointment scheduled,"
    )


#: By kind: the delivered name its reader is found by, the header of its file, one record as a line.
KINDS: dict[str, tuple[str, str, Callable[[int], str]]] = {
    "segment": ("portal/events/a.ndjson", "", _segment),
    "amazon_connect": ("call_center/2024/01/a.ndjson", "", _connect),
    "snowplow": ("portal/snowplow/a.tsv", "", _snowplow),
    "declared_csv": ("call_center/five9/a.csv", _FIVE9, _five9),
    "genesys": ("call_center/genesys/a.ndjson", "", _genesys),
}
